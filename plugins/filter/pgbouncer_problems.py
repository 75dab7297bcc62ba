# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.pgbouncer_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pgbouncer_problems
short_description: Checks the variables of the role pgbouncer
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none.
options:
  _input:
    description: The role's variables, without the prefix C(pgbouncer_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject invalid pools
  ansible.builtin.assert:
    that:
      - >-
        ({'pools': [{'name': 'shop'}]} | slipway.flask.pgbouncer_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import problems


def pgbouncer_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    return [f"pgbouncer_pools: {fault}" for fault in problems.problems(variables.get("pools", []))]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pgbouncer_problems": pgbouncer_problems}
