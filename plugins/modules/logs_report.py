#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.logs_report; its action plugin does the work, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: logs_report
short_description: Print the logs of several hosts in chronological order
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Merges the entries of all hosts by time and prints them, without keeping them in memory.
attributes:
  check_mode:
    support: full
    description: Never changes anything.
options:
  variable:
    description: Name of the variable with the registered results of slipway.flask.logs.
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
