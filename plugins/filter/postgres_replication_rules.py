# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.postgres_replication_rules."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_replication_rules
short_description: Returns the lines of pg_hba.conf that let standbys in
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - One line for each standby; from its address only, over TLS, with its password.
options:
  _input:
    description: The standbys, each with C(name) and C(address).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the rule of a standby
  ansible.builtin.debug:
    msg: "{{ [{'name': 'db2', 'address': '10.0.0.2'}] | slipway.flask.postgres_replication_rules }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
  sample: ["hostssl replication slipway_standby_db2 10.0.0.2/32 scram-sha-256"]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import primary_rules


def postgres_replication_rules(standbys: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines for STANDBYS."""
    return primary_rules(standbys)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"postgres_replication_rules": postgres_replication_rules}
