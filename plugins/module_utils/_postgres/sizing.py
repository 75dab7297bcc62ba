# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections a local server takes: as many as its apps may open, as far as the host's memory goes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster

LEAST = 100
"""PostgreSQL's own default: what is not used costs next to nothing (some 20 kB of shared memory each)."""
BESIDE = 13
"""For superusers (3, superuser_reserved_connections) and for people, backups and checks."""
CONNECTION_MB = 10
"""What a connection that works may take beside shared_buffers: measured, 2 to 3 MB of its own, and 4 MB of work_mem, once or
twice. A tenth of the host's memory in megabytes is so the number of connections that would fill it if all worked at once."""
STEP = 10
WRITTEN = re.compile(r"^max_connections = (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Size:
    """The connections that a server is to take; SHORT says what the apps lack, "" for nothing."""

    connections: int
    short: str = ""


def size(wanted: int, memory_mb: int, before: int = 0) -> Size:
    """Return the size for apps that may open WANTED connections, on a host with MEMORY_MB.

    It is never lowered below what was written BEFORE: that would need a restart, and help nobody.
    """
    needed = -(-(wanted + BESIDE) // STEP) * STEP
    most = max(LEAST, memory_mb // CONNECTION_MB // STEP * STEP, before)
    found = max(LEAST, min(needed, most), before)
    if needed <= found:
        return Size(found)
    return Size(
        found,
        f"the apps may open {wanted} database connections, and {BESIDE} are reserved for others; this host's memory "
        f"({memory_mb} MB) "
        f"allows {found}, {CONNECTION_MB} MB each. A deploy that needs more is refused: give the apps fewer threads, smaller "
        "pools, or a pooler (`database_pool: pgbouncer`); or set postgres_server_max_connections yourself",
    )


def written(cluster: Cluster | None) -> int:
    """Return the max_connections that a run before has written for CLUSTER, 0 for none."""
    found = WRITTEN.search(cluster.drop_in.read_text()) if cluster and cluster.drop_in.is_file() else None
    return int(found[1]) if found else 0
