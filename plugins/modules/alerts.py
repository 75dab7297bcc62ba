#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.alerts; its action plugin does the work, on the host with alerts_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: alerts
short_description: Show the current alerts of a host, and send a test message to the recipients
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Queries the host's Alertmanager. It never fails because of alerts; M(slipway.flask.alerts_report) does.
attributes:
  check_mode:
    support: full
    description: Does the same, except for O(test).
options:
  settings:
    description: The alert settings, in the format of C(slipway_alerts).
    type: dict
    default: {}
  test:
    description: Send a test message to every recipient, and wait for the results.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Send a test message to every recipient
  slipway.flask.alerts:
    settings: "{{ slipway_alerts }}"
    test: true
  register: tested
"""

RETURN = r"""
firing:
  description: The current alerts, oldest first.
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
      description: Start of the alert.
      type: str
    severity:
      description: V(critical) or V(warning).
      type: str
    silent:
      description: Whether no message is sent, because of a silence or because its cause is reported instead.
      type: bool
    labels:
      description: All labels of the alert.
      type: dict
ways:
  description: With O(test), the error of each recipient; empty if the message was accepted.
  returned: success
  type: list
  elements: dict
"""
