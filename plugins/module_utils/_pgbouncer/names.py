# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where a pool of PgBouncer is on its host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

PORT = 5432
"""It names the socket as PostgreSQL's does, so that a URL needs nothing but the folder."""
SIZES = (1, 1000)
CLIENTS = (10, 10000)


class PgbouncerError(RuntimeError):
    """Something that the person must know; the text is ready to be shown."""


def unit(name: str) -> str:
    return f"slipway-pgbouncer-{name}.service"


def folder(name: str) -> str:
    """Return the folder of the pool's socket: the `host` of a URL."""
    return f"/run/slipway-pgbouncer/{name}"


def config(name: str, kind: str = "ini") -> str:
    """Return the pool's file of a KIND: `ini`, `hba` or `users`."""
    return f"/etc/slipway-pgbouncer/{name}.{kind}"
