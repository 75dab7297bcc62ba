# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_alerts_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_alerts_plan
short_description: Returns what the role host_alerts writes on a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - The settings must have passed P(slipway.flask.host_alerts_problems#filter).
options:
  _input:
    description: The role's variables, without the prefix C(host_alerts_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the alerting configuration
  slipway.flask.files:
    files: "{{ ({'settings': slipway_alerts, 'host': inventory_hostname} | slipway.flask.host_alerts_plan).files }}"
"""

RETURN = r"""
_value:
  description: C(files) and C(units), in the format of M(slipway.flask.files).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_alerts_plan": plan}
