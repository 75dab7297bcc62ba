# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_alerts_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_alerts_problems
short_description: Tell what is wrong with the alerts of a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - No sentence holds a secret.
options:
  _input:
    description: The settings, as C(slipway_alerts) has them.
    type: dict
    required: true
  metrics:
    description: How the host is measured, as C(slipway_metrics) has it.
    type: str
    default: local
  system:
    description: The host's distribution and version, V([Debian, "13"]) for example; nothing is asked of it when it is empty.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse what can not work
  ansible.builtin.assert:
    that: "(slipway_alerts | slipway.flask.host_alerts_problems) == []"
"""

RETURN = r"""
_value:
  description: The faults, one sentence each.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.description import problems


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_alerts_problems": problems}
