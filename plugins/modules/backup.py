#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.backup; its action plugin does the work, on the host with backup_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Make a restore point of all apps of a host now
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Does what the host's timer does, and shows how far it is. Waits for a run that is under way.
  - Fails with a sentence for each target or app that could not be saved; what could is.
  - Needs a host that the role P(slipway.flask.backups#role) has set up.
attributes:
  check_mode:
    support: full
    description: Nothing is saved.
options:
  full:
    description: Also make a full backup of the database server, although none is due.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Make a restore point now
  slipway.flask.backup:
"""

RETURN = r"""
outcome:
  description: How it ended - C(started), C(ended), C(seconds), C(problems), C(notes) and C(facts), C(point) among them.
  returned: always
  type: dict
"""
