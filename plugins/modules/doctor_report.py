#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.doctor_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor_report
short_description: Print a health report of the hosts of a play, and fail if something is wrong
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Reads the results registered by M(slipway.flask.doctor) on each host of the play; doesn't connect to hosts itself.
  - Fails if there is a problem, or if a host could not be examined; notes don't cause a failure.
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
- name: Print a health report, and fail if something is wrong
  slipway.flask.doctor_report:
    variable: slipway_doctor
  run_once: true
"""

RETURN = r""" # no return values """
