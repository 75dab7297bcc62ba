#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_report
short_description: Print one table of how every app on every host is, and fail when one does not serve
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Reads what M(slipway.flask.release_info) registered on each host of the play; reaches no host itself.
  - A host that could not be reached or asked counts as one that does not serve.
options:
  variable:
    description: Name of the variable into which the results were registered.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Look at each app
  slipway.flask.release_info:
    apps: "{{ slipway_apps }}"
    status: true
  register: slipway_status

- name: Print one table, and fail when an app does not serve
  slipway.flask.release_report:
    variable: slipway_status
  run_once: true
"""

RETURN = r""" # nothing but whether it failed """
