#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.drift_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_report
short_description: Print how the hosts differ from what the inventory says, and fail when they do
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Prints one line for each thing that a task of the run before would have changed; it reaches no host itself.
  - The run must be in check mode with diffs, its plays have the variable C(__slipway_drift), and the callback
    C(slipway.flask.brief) must be the one that prints (C(playbooks/drift.yml)).
  - Fails when something differs (ansible-playbook then ends with 2). When a host could not be compared, it counts as one that
    could not be reached (ansible-playbook then ends with 4).
attributes:
  check_mode:
    support: full
    description: Nothing is changed in any case.
options: {}
"""

EXAMPLES = r"""
- name: Print one line for each difference, and fail when there is one
  slipway.flask.drift_report:
  run_once: true
"""

RETURN = r""" # nothing but whether it failed """
