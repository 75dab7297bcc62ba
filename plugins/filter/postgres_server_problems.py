# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.postgres_server_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_server_problems
short_description: Checks the variables of the role postgres_server
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none.
options:
  _input:
    description: The role's variables, without the prefix C(postgres_server_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject databases that PostgreSQL would not accept
  ansible.builtin.assert:
    that:
      - >-
        ({'databases': [{'name': 'shop'}]} | slipway.flask.postgres_server_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import database_problems
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import server_problems


def postgres_server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    databases = [f"postgres_server_databases: {fault}" for fault in database_problems(variables.get("databases", []))]
    return databases + server_problems(variables)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"postgres_server_problems": postgres_server_problems}
