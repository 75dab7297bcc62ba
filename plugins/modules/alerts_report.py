#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.alerts_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alerts_report
short_description: Print what is wrong with the hosts of a play, and who accepted a test message
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Reads what M(slipway.flask.alerts) registered on each host of the play; reaches no host itself.
  - Fails for each alert that people are told of, for each way that refused a test message, and for a host that could not be
    asked.
options:
  variable:
    description: Name of the variable into which the results were registered.
    type: str
    required: true
  format:
    description: For a person, or for a program.
    type: str
    choices: [text, json]
    default: text
"""

EXAMPLES = r"""
- name: Print what is wrong, and fail when something is
  slipway.flask.alerts_report:
    variable: slipway_alerts_found
  run_once: true
"""

RETURN = r""" # nothing but whether it failed """
