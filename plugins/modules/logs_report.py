#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.logs_report; its action plugin does the work, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: logs_report
short_description: Print what slipway.flask.logs has read on several hosts in one order
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Merges the entries of all hosts by their time and prints them, without holding them in memory.
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
options:
  variable:
    description: Name of the variable that slipway.flask.logs was registered in.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Print the logs of all hosts
  slipway.flask.logs_report:
    variable: slipway_log
  run_once: true
"""

RETURN = r"""
{}
"""
