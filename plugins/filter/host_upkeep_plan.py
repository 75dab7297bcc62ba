# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_upkeep_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_upkeep_plan
short_description: Returns what the role host_upkeep writes on a host
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - The variables must have passed P(slipway.flask.host_upkeep_problems#filter).
options:
  _input:
    description: The role's variables, without the prefix C(host_upkeep_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the maintenance configuration
  slipway.flask.files:
    files: "{{ ({'host': inventory_hostname} | slipway.flask.host_upkeep_plan).files }}"
"""

RETURN = r"""
_value:
  description: C(files) and C(units), in the format of M(slipway.flask.files).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_upkeep_plan": plan}
