#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.drift_report; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_report
short_description: Print how the hosts differ from the inventory, and fail if they do
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Prints one line for everything that the preceding tasks would have changed; doesn't connect to hosts itself.
  - Requires check mode with diffs, the variable C(__slipway_drift) in the plays, and the callback
    C(slipway.flask.brief) as stdout callback (see C(playbooks/drift.yml)).
  - Fails if something differs (exit code 2 of ansible-playbook). A host that could not be compared counts as
    unreachable (exit code 4).
attributes:
  check_mode:
    support: full
    description: Never changes anything.
options:
  variable:
    description: >-
      Name of the variable with the registered results of M(slipway.flask.drift). With it, a host that serves another revision
      of an app than most of the hosts that have it differs, too.
    type: str
    default: ""
    version_added: 0.3.0
"""

EXAMPLES = r"""
- name: Print one line per difference, and fail if there are any
  slipway.flask.drift_report:
  run_once: true
"""

RETURN = r""" # no return values """
