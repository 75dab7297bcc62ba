#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.release_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_report
short_description: Print the state of every app on every host as a table, and fail if one is down
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Reads the results registered by M(slipway.flask.release_info) on each host of the play; doesn't connect to hosts
    itself.
  - A host that could not be reached or queried counts as down, and so does one that serves another revision of an app than
    most of the hosts that have it.
options:
  variable:
    description: Name of the variable with the registered results.
    type: str
    required: true
  history:
    description: Print the history of the apps that several hosts have as one table each, and nothing else.
    type: bool
    default: false
  limit:
    description: With O(history), the number of entries to show.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Get the state of each app
  slipway.flask.release_info:
    apps: "{{ slipway_apps }}"
    status: true
  register: slipway_status

- name: Print one table, and fail if an app is down
  slipway.flask.release_report:
    variable: slipway_status
  run_once: true
"""

RETURN = r""" # no return values """
