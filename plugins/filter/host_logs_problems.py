# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_logs_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_logs_problems
short_description: Checks the variables of the role host_logs
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - The role's argument specs have already checked the types.
options:
  _input:
    description: C(host_logs_ship).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject invalid settings
  ansible.builtin.assert:
    that: "({} | slipway.flask.host_logs_problems) == []"
"""

RETURN = r"""
_value:
  description: The problems, one sentence each.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import problems


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_logs_problems": problems}
