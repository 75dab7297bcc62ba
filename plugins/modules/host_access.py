#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.host_access; the action plugin of the same name and its half on the host do its work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_access
short_description: Change the ways into a host without locking anybody out
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Brings accounts, sshd and firewall to what O(document) says, in one round trip, and changes nothing where all is so.
  - Before it changes anything, it saves what was there and starts a timer on the host that puts it back, also when the
    controller dies or the host is restarted. Only a new login, over the new port and as an account that is left, stops
    the timer. When no new login works, the host is as before and the task fails with the reason.
attributes:
  check_mode:
    support: full
    description: Says what would be changed.
  diff_mode:
    support: full
    description: Shows it.
options:
  document:
    description: What is wanted, as P(slipway.flask.host_access_document#filter) makes it.
    type: dict
    required: true
  seconds:
    description: After how long the host undoes a change that no new login has confirmed.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Let Ann in
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
  description: The way in that was proven, when it is another one than the inventory's - C(port) and C(user).
  type: dict
  returned: when changed
"""
