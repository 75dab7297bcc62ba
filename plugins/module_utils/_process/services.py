# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the services are that a host runs for one app alone: its instances of Redis, its pool of PgBouncer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import look as pgbouncer_look
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names as pgbouncer
from ansible_collections.slipway.flask.plugins.module_utils._redis import check, names
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import RedisUrl

SECONDS = 2
"""How long an instance may take to answer: a person waits for it."""
MB = 2**20
WAIT_SECONDS = 5
"""Who waits so long for a connection has too few of them."""


@dataclass(frozen=True)
class Service:
    """One service: what a person reads of it, and what is wrong with it ("": nothing)."""

    said: str
    problem: str = ""


def services_of(app: str) -> list[Service]:
    """Return the services of APP that the host has."""
    found = [
        _redis(f"{app}-{purpose}", purpose)
        for purpose in names.PURPOSES
        if Path(names.config(f"{app}-{purpose}")).exists()
    ]
    return found + ([_pgbouncer(app)] if (systemd.WANTS / pgbouncer.unit(app)).exists() else [])


def _pgbouncer(app: str) -> Service:
    try:
        found = pgbouncer_look.use(app, app)
    except pgbouncer.PgbouncerError as error:
        unit = pgbouncer.unit(app)
        return Service("PgBouncer does not answer", f"PgBouncer does not answer: {error}; see journalctl -u {unit}")
    if found.seconds < WAIT_SECONDS:
        return Service(found.said)
    return Service(
        found.said,
        f"{found.waiting} requests wait for a database connection, the longest for {found.seconds} s: raise "
        "`database_pool_size` (and site.yml), or see with queries.yml what is slow",
    )


def _redis(name: str, purpose: str) -> Service:
    found = check.attempt(RedisUrl("unix", path=names.socket(name)), "", SECONDS)
    title = f"Redis ({purpose})"
    if found.kind:
        return Service(f"{title} does not answer", f"{title} does not answer: {found.message}")
    used, most = (int(found.facts.get(key, "0")) / MB for key in ("used_memory", "maxmemory"))
    said = f"{title} has {used:.0f} of {most:.0f} MB in use, {kept(found.facts)}"
    if purpose == "queue" and most and used >= most:
        return Service(said, f"{title} is full and rejects new entries: raise `redis_queue_mb`, or add workers")
    if found.facts.get("aof_last_write_status", "ok") != "ok":
        return Service(said, f"{title} can't write to the disk and refuses changes: free some space on it")
    return Service(said)


def kept(facts: Mapping[str, str]) -> str:
    """Return what becomes of the entries of an instance over a restart."""
    if facts.get("aof_enabled") != "1":
        return "kept in memory only"
    return "kept on the disk" if facts.get("aof_last_write_status") == "ok" else "not saved"
