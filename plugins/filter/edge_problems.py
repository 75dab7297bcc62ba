# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.edge_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: edge_problems
short_description: Checks the variables of the role edge
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none.
options:
  _input:
    description: The role's variables, without the prefix C(edge_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject invalid backends
  ansible.builtin.assert:
    that: (variables | slipway.flask.edge_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._edge import problems


def edge_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES as sentences."""
    return problems.role_problems(variables)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"edge_problems": edge_problems}
