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
  - Asks the targets, and prints from when to when any moment can be brought back, the restore points with release, migration
    head, size and place, how the last run and the last drill ended, and what fails.
attributes:
  check_mode:
    support: full
    description: Nothing is changed in any case.
options:
  app:
    description: Only this app's restore points.
    type: str
    default: ""
  limit:
    description: How many of the newest restore points are printed.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Show what can be restored
  slipway.flask.backups:
"""

RETURN = r"""
backups:
  description: All of it; empty where nothing is backed up.
  returned: success
  type: dict
"""
