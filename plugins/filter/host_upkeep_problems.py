# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_upkeep_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_upkeep_problems
short_description: Checks the variables of the role host_upkeep
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - The role's argument specs have already checked the types.
options:
  _input:
    description: The role's variables, without the prefix C(host_upkeep_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject invalid settings
  ansible.builtin.assert:
    that: "({'updates': {'window': '03:00-05:00'}} | slipway.flask.host_upkeep_problems) == []"
"""

RETURN = r"""
_value:
  description: The problems, one sentence each.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import problems


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_upkeep_problems": problems}
