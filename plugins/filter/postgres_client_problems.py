# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.postgres_client_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_client_problems
short_description: Checks a list of database connections
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none. Sentences never contain passwords.
extends_documentation_fragment:
  - slipway.flask.connections
"""

EXAMPLES = r"""
- name: Reject invalid URLs
  ansible.builtin.assert:
    that:
      - >-
        ([{'name': 'shop', 'url': 'postgresql:///shop'}] | slipway.flask.postgres_client_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._connection import postgres


def postgres_client_problems(connections: Any) -> list[str]:
    """Return what is wrong with CONNECTIONS as sentences."""
    return [f"postgres_client_connections: {fault}" for fault in postgres.problems(connections)]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"postgres_client_problems": postgres_client_problems}
