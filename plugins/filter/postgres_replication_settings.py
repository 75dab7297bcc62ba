# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.postgres_replication_settings."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_replication_settings
short_description: Adds what replication needs to the settings of a PostgreSQL server
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - For a server with standbys, how much of its write-ahead log it keeps for one that is away. The settings given override
    that.
  - For a standby, how it connects to its primary, and the primary's number of connections, below which it would not start.
options:
  _input:
    description: Settings for C(postgresql.conf).
    type: dict
    required: true
  host:
    description: Name of the host in the inventory.
    type: str
    required: true
  primary:
    description: The server that it follows, as P(slipway.flask.database_replication#filter) returns it; empty for none.
    type: dict
    required: true
  standbys:
    description: The hosts whose servers follow it.
    type: list
    elements: dict
    required: true
  wal_mb:
    description: MiB of write-ahead log that are kept for a standby at most.
    type: int
    default: 2048
  most:
    description: C(max_connections) of the primary; 0 if it isn't known.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show the settings of a server with a standby
  ansible.builtin.debug:
    msg: "{{ {} | slipway.flask.postgres_replication_settings('db1', {}, [{'name': 'db2', 'address': '10.0.0.2'}]) }}"
"""

RETURN = r"""
_value:
  description: The settings.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import replica


def postgres_replication_settings(
    settings: Mapping[str, Any], host: str, primary: Mapping[str, Any], standbys: Sequence[Mapping[str, Any]],
    wal_mb: int = replica.WAL_MB, most: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return SETTINGS with those of replication."""
    found = {**replica.primary_settings(standbys, int(wal_mb)), **settings}
    if not primary:
        return found
    return found | replica.standby_settings(replica.Primary(**primary), host, int(most or 0))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"postgres_replication_settings": postgres_replication_settings}
