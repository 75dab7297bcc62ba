# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections the host's MariaDB takes: as many as its apps may open, as far as the host's memory goes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from pathlib import Path

LEAST = 100
"""What is not used costs next to nothing: MariaDB's own default is 151."""
BESIDE = 10
"""For people, backups and checks."""
CONNECTION_MB = 4
"""What a connection that works may take beside the buffer pool: its stack (0.3 MB), buffers of its query, and a temporary table."""
STEP = 10
WRITTEN = re.compile(r"^max_connections = (\d+)$", re.MULTILINE)


def size(wanted: int, memory_mb: int, before: int = 0) -> tuple[int, str]:
    """Return the connections for apps that may open WANTED, on a host with MEMORY_MB, and what they lack, "" for nothing.

    It is never lowered below what was written BEFORE: that would need a restart, and help nobody.
    """
    needed = -(-(wanted + BESIDE) // STEP) * STEP
    most = max(LEAST, memory_mb // 4 // CONNECTION_MB // STEP * STEP, before)
    found = max(LEAST, min(needed, most), before)
    if needed <= found:
        return found, ""
    return found, (
        f"the apps may open {wanted} connections to MariaDB, and {BESIDE} are reserved for others; a quarter of this host's memory "
        f"({memory_mb} MB) allows {found}, {CONNECTION_MB} MB each. A deploy that needs more is refused: give the apps fewer "
        "threads or smaller pools; or set mariadb_server_max_connections yourself"
    )


def only_connections(before: str, after: str) -> int:
    """Return the max_connections that a file has AFTER, if that is all that differs from BEFORE; 0 otherwise."""
    new = WRITTEN.search(after)
    same = WRITTEN.sub("", before) == WRITTEN.sub("", after)
    return int(new[1]) if new and same and before != after else 0


def written(conf: Path) -> int:
    """Return the max_connections that a run before has written into CONF, 0 for none."""
    found = WRITTEN.search(conf.read_text()) if conf.is_file() else None
    return int(found[1]) if found else 0
