#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.backup; its action plugin does the work, on the host with backup_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Create a restore point of all apps of a host now
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Does what the host's timer does, and shows progress. Waits for a run that is already in progress.
  - Fails with a sentence for each target or app that could not be backed up; everything else is backed up.
  - Requires a host that has been set up by the role P(slipway.flask.backups#role).
attributes:
  check_mode:
    support: full
    description: Nothing is backed up.
options:
  full:
    description: Also create a full backup of the database server, even if none is due.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Create a restore point now
  slipway.flask.backup:
"""

RETURN = r"""
outcome:
  description: >-
    The outcome - C(started), C(ended), C(seconds), C(problems), C(notes) and C(facts), which include C(point).
  returned: always
  type: dict
"""
