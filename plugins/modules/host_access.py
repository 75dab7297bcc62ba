#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.host_access; the action plugin of the same name and its half on the host do its work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_access
short_description: Change access to a host without locking anybody out
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Applies accounts, sshd settings and firewall as described in O(document) in one round trip. Changes nothing if they
    already match.
  - Before any change, saves the current state and starts a timer on the host that restores it, even if the controller
    dies or the host is rebooted. Only a new login, over the new port and with a remaining account, stops the timer. If
    no new login works, the previous state is restored and the task fails with the reason.
attributes:
  check_mode:
    support: full
    description: Shows what would be changed.
  diff_mode:
    support: full
    description: Shows the changes.
options:
  document:
    description: Desired state, as returned by P(slipway.flask.host_access_document#filter).
    type: dict
    required: true
  seconds:
    description: Seconds after which the host reverts a change that no new login has confirmed.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Give Ann an account
  slipway.flask.host_access:
    document: "{{ {'people': [{'name': 'ann', 'keys': ['ssh-ed25519 AAAA… ann@laptop'], 'sudo': true}]}
                  | slipway.flask.host_access_document }}"
"""

RETURN = r"""
actions:
  description: What was changed, or would be in check mode.
  type: list
  elements: str
  returned: success
way:
  description: The confirmed C(port) and C(user), if they differ from the inventory's.
  type: dict
  returned: when changed
"""
