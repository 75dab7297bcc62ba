#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.doctor_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor_report
short_description: Print how the hosts of a play are, and fail when something is wrong
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Reads what M(slipway.flask.doctor) registered on each host of the play; reaches no host itself.
  - Fails for each problem, and for a host that could not be examined; not for notes.
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
  slipway.flask.doctor_report:
    variable: slipway_doctor
  run_once: true
"""

RETURN = r""" # nothing but whether it failed """
