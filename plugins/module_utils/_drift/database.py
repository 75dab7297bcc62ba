# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings of PostgreSQL that are not in effect although Slipway's file has them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._postgres import server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, find_cluster

SETTING = re.compile(r"^\s*(\w[\w.]*)\s*=", re.MULTILINE)
ALTER_SYSTEM = "postgresql.auto.conf"


def overridden(cluster: Cluster | None = None) -> Iterator[Difference]:
    """Yield each setting of ours that another file overrides, and those that wait for a restart. Raises PostgresError."""
    cluster = cluster or find_cluster()
    if not cluster or not cluster.online or not cluster.drop_in.is_file():
        return
    names = SETTING.findall(cluster.drop_in.read_text())
    status = server.read_status(cluster, sorted(names), cluster.drop_in)
    for name, place in status["overridden"].items():
        remedy = f": ALTER SYSTEM RESET {name}" if str(place).endswith(ALTER_SYSTEM) else ""
        yield Difference(f"PostgreSQL's {name}", f"is {status['settings'].get(name, '?')} by {place}{remedy}")
    for name in status["pending"]:
        yield Difference(f"PostgreSQL's {name}", "waits for a restart of the server")
