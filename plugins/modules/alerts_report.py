#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.alerts_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alerts_report
short_description: Print the current alerts of the hosts of a play, and the results of a test message
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Reads the results registered by M(slipway.flask.alerts) on each host of the play; doesn't connect to hosts itself.
  - Fails if there is an alert that is reported, if a recipient refused the test message, or if a host could not be
    queried.
options:
  variable:
    description: Name of the variable with the registered results.
    type: str
    required: true
  format:
    description: Output for people, or as JSON.
    type: str
    choices: [text, json]
    default: text
"""

EXAMPLES = r"""
- name: Print the current alerts, and fail if there are any
  slipway.flask.alerts_report:
    variable: slipway_alerts_found
  run_once: true
"""

RETURN = r""" # no return values """
