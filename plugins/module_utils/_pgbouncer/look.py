# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a pool is now: who uses it, and who waits.

PgBouncer shows itself to the user it runs as, whoever that says to be its `pgbouncer`, on the Unix socket.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names

SECONDS = 3
"""How long a pool may take to answer: a person waits for it."""


@dataclass(frozen=True)
class Use:
    """A pool's connections to the server, USED of SIZE; its CLIENTS, of at most so many, and those of them that are WAITING,
    the longest for SECONDS."""

    used: int
    size: int
    clients: int
    most_clients: int
    waiting: int
    seconds: int

    @property
    def said(self) -> str:
        wait = f"{self.waiting} wait, the longest for {self.seconds} s" if self.waiting else "none waits"
        return (
            f"PgBouncer has {self.used} of {self.size} connections in use, for {self.clients} of at most "
            f"{self.most_clients} clients; {wait}"
        )


def use(name: str, user: str) -> Use:
    """Return how the pool NAME is, which runs as USER. Raises PgbouncerError when it does not answer."""
    command = ["runuser", "-u", user, "--", "psql", "-X", "-q", "-A", "-w", "-F", "|", "-P", "footer=off", "-h", names.folder(name),
               "-U", "pgbouncer", "-d", "pgbouncer", "-c", "SHOW POOLS", "-c", "SHOW CONFIG"]  # fmt: skip
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "PGCONNECT_TIMEOUT": str(SECONDS)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", env=environment, timeout=2 * SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise names.PgbouncerError(str(error)) from None
    if done.returncode:
        raise names.PgbouncerError(" ".join(done.stderr.split()))
    return read(done.stdout)


def read(text: str) -> Use:
    """Return what SHOW POOLS and SHOW CONFIG, one after the other, say of an app's pool."""
    tables = list(rows_of(text))
    pools = [row for row in tables if "cl_active" in row and row["database"] != "pgbouncer"]
    settings = {row["key"]: row["value"] for row in tables if "key" in row}

    def total(*columns: str) -> int:
        return sum(int(row.get(column) or 0) for row in pools for column in columns)

    return Use(
        used=total("sv_active"), size=int(settings.get("default_pool_size", 0)), clients=total("cl_active", "cl_waiting"),
        most_clients=int(settings.get("max_client_conn", 0)), waiting=total("cl_waiting"),
        seconds=max((int(row.get("maxwait") or 0) for row in pools), default=0),
    )  # fmt: skip


def rows_of(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the rows of tables one after the other, each by the columns of its own."""
    columns: list[str] = []
    for line in text.splitlines():
        cells = line.split("|")
        if cells[0] in ("database", "key") and {"cl_active", "value"} & set(cells):
            columns = cells
        else:
            yield dict(zip(columns, cells, strict=False))
