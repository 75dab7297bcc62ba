#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.backups; its action plugin does the work, on the host with backups_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backups
short_description: Show what can be restored
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Queries the targets and prints the period for point-in-time recovery, the restore points with their release,
    migration head, size and location, the outcome of the last run and the last restore drill, and any failures.
attributes:
  check_mode:
    support: full
    description: Never changes anything.
options:
  app:
    description: Only this app's restore points.
    type: str
    default: ""
  limit:
    description: Number of restore points to print, newest first.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Show what can be restored
  slipway.flask.backups:
"""

RETURN = r"""
backups:
  description: The same information; empty if nothing is backed up.
  returned: success
  type: dict
"""
