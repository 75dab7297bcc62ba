#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.alerts; its action plugin does the work, on the host with alerts_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alerts
short_description: Tell what is wrong with a host now, and send a test message to whoever is told
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Asks the host's Alertmanager. It never fails because of what it finds; M(slipway.flask.alerts_report) does.
attributes:
  check_mode:
    support: full
    description: Does the same, but for O(test).
options:
  settings:
    description: Whom to tell, as C(slipway_alerts) has it.
    type: dict
    default: {}
  test:
    description: Send a test message by every way, and wait for what each says.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Send a test message by every way
  slipway.flask.alerts:
    settings: "{{ slipway_alerts }}"
    test: true
  register: tested
"""

RETURN = r"""
firing:
  description: What is wrong, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    alert:
      description: Name of the alert.
      type: str
    what:
      description: What is wrong.
      type: str
    look:
      description: What to look at.
      type: str
    since:
      description: Since when.
      type: str
    severity:
      description: V(critical) or V(warning).
      type: str
    silent:
      description: Whether nobody is told of it, because of a silence or because its cause is told.
      type: bool
    labels:
      description: All of its labels.
      type: dict
ways:
  description: With O(test), each way and why it refused the message; empty for one that accepted it.
  returned: success
  type: list
  elements: dict
"""
