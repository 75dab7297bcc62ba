# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_logs_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_logs_plan
short_description: Returns what the role host_logs writes on a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - The variables must have passed P(slipway.flask.host_logs_problems#filter).
options:
  _input:
    description: C(host_logs_ship).
    type: dict
    required: true
  host:
    description: Name of the host in the messages.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show how log shipping is stopped
  ansible.builtin.debug:
    msg: "{{ {} | slipway.flask.host_logs_plan(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: C(users), C(files), C(validate) and C(units), in the format of M(slipway.flask.files).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_logs_plan": plan}
