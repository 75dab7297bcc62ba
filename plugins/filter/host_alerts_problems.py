# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_alerts_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_alerts_problems
short_description: Checks the alert settings of a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Sentences never contain secrets.
options:
  _input:
    description: The settings, in the format of C(slipway_alerts).
    type: dict
    required: true
  metrics:
    description: Value of C(slipway_metrics).
    type: str
    default: local
  system:
    description: >-
      The host's distribution and version, V([Debian, "13"]) for example. If empty, the host's versions are not checked.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Reject invalid settings
  ansible.builtin.assert:
    that: "(slipway_alerts | slipway.flask.host_alerts_problems) == []"
"""

RETURN = r"""
_value:
  description: The problems, one sentence each.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.description import problems


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_alerts_problems": problems}
