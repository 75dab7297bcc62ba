#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.postgres_promotion_plan; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_promotion_plan
short_description: Decide whether a standby can be promoted, and print what that means
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Reads what M(slipway.flask.postgres_promotion) has registered on each host of the play; doesn't connect to hosts itself.
  - Prints what would be done and what would be lost. Fails if O(confirm) is given and does not cover it.
options:
  host:
    description: Name of the host that is to have the primary.
    type: str
    required: true
  confirm:
    description:
      - V(switch) goes on if nothing is lost, V(loss) also if something is. Empty only prints.
    type: str
    default: ""
  force:
    description: Go on although the old primary still writes, and can't be closed or does not reach the standby.
    type: bool
    default: false
  promoted:
    description: Print what was done, instead of what would be. What the promoted server has said of itself.
    type: dict
    default: {}
  began:
    description: When the first step began, as seconds of Unix.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Print what a promotion would do
  slipway.flask.postgres_promotion_plan:
    host: db2
  run_once: true
"""

RETURN = r"""
old:
  description: Name of the host that was the primary.
  returned: success
  type: str
ready:
  description: Whether to go on.
  returned: success
  type: bool
closes:
  description: Whether the old primary is closed.
  returned: success
  type: bool
receives:
  description: Whether the standby waits for the rest.
  returned: success
  type: bool
by:
  description: Who does it.
  returned: success
  type: str
"""
