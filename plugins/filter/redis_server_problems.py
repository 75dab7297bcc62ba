# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.redis_server_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: redis_server_problems
short_description: Checks the variables of the role redis_server
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none. Sentences never contain passwords.
options:
  _input:
    description: The role's variables, without the prefix C(redis_server_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Reject invalid instances
  ansible.builtin.assert:
    that:
      - >-
        ({'instances': [{'name': 'shop'}]} | slipway.flask.redis_server_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._redis import names
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import redis


def redis_server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    found = [f"redis_server_instances: {fault}" for fault in names.problems(variables.get("instances", []))]
    found += [f"redis_server_connections: {fault}" for fault in redis.problems(variables.get("connections", []))]
    memory = int(variables.get("memory_mb", 0))
    if memory and memory < 128:
        found.append(f"redis_server_memory_mb is {memory}; it must be 0 (the host's memory) or at least 128")
    seconds = int(variables.get("timeout_seconds", 5))
    if not 1 <= seconds <= 60:
        found.append(f"redis_server_timeout_seconds is {seconds}; it must be from 1 to 60")
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"redis_server_problems": redis_server_problems}
