# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.mariadb_server_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mariadb_server_problems
short_description: Checks the variables of the role mariadb_server
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none. Sentences never contain passwords.
options:
  _input:
    description: The role's variables, without the prefix C(mariadb_server_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject databases that MariaDB would not accept
  ansible.builtin.assert:
    that:
      - >-
        ({'databases': [{'name': 'shop'}]} | slipway.flask.mariadb_server_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import database_problems
from ansible_collections.slipway.flask.plugins.module_utils._mysql.settings import server_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import mysql


def mariadb_server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    found = [f"mariadb_server_databases: {fault}" for fault in database_problems(variables.get("databases", []))]
    found += [f"mariadb_server_connections: {fault}" for fault in mysql.problems(variables.get("connections", []))]
    return found + server_problems(variables)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mariadb_server_problems": mariadb_server_problems}
