# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a primary and its standby call each other, and what each has in its configuration for the other.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import STANDBY_PREFIX as PREFIX

LONGEST = 63
"""Of a name (NAMEDATALEN - 1, PostgreSQL manual 4.1.1)."""
SLOT = re.compile(r"[a-z0-9_]{1,63}")
WAL_MB = 2048
"""How much WAL a primary keeps for a standby that is away, unless it is told otherwise."""
SETTINGS = "primary_conninfo", "primary_slot_name"
PASSFILE = "/etc/slipway/postgres/standby.pgpass"
"""The password with which a standby's server logs in at its primary: the server's user's alone."""
AUTHORITIES = "/etc/slipway/identity/fleet.pem"
PORT = 5432


@dataclass(frozen=True)
class Primary:
    """The server that a standby follows: its host's name in the inventory, IP address, and name in its certificate."""

    name: str
    address: str
    certified: str
    port: int = PORT


def slot(host: str) -> str:
    """Return the name of the slot, and of the role, of the standby on HOST; one of its own for each host's name."""
    plain = re.sub(r"[^a-z0-9_]", "_", host)
    if plain == host and len(PREFIX + plain) <= LONGEST:
        return PREFIX + plain
    return f"{(PREFIX + plain)[: LONGEST - 9]}_{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def conninfo(primary: Primary, host: str, **more: str) -> str:
    """Return how the standby on HOST connects to its primary; MORE are parameters of libpq.

    The certificate must be the primary's own: any host of the fleet has one of the same authorities. The password is in a file,
    since settings can be read by every superuser's tool and stand in the server's log.
    """
    parameters = {
        "host": primary.certified, "hostaddr": primary.address, "port": str(primary.port), "user": slot(host),
        "application_name": host, "passfile": PASSFILE, "sslmode": "verify-full", "sslrootcert": AUTHORITIES,
        # A primary whose machine is gone says nothing: found out within half a minute, not after the kernel's two hours.
        "connect_timeout": "10", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", **more,
    }  # fmt: skip
    return " ".join(f"{name}={_value(value)}" for name, value in parameters.items())


def standby_settings(primary: Primary, host: str, most: int = 0) -> dict[str, Any]:
    """Return the settings of the standby on HOST; MOST is its primary's max_connections, below which it would not start."""
    settings: dict[str, Any] = {"primary_conninfo": conninfo(primary, host), "primary_slot_name": slot(host)}
    return settings | ({"max_connections": most} if most else {})


def primary_settings(standbys: Iterable[Mapping[str, Any]], wal_mb: int = WAL_MB) -> dict[str, Any]:
    """Return the settings of a server with STANDBYS: one that is away must not fill the disk of the one that serves."""
    return {"max_slot_wal_keep_size": f"{wal_mb}MB"} if list(standbys) else {}


def primary_rules(standbys: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of pg_hba.conf that let each of STANDBYS (`name`, `address`) in: from its own address, over TLS."""
    return [
        f"hostssl replication {slot(one['name'])} {one['address']}/{128 if ':' in one['address'] else 32} scram-sha-256"
        for one in standbys
    ]


def _value(text: str) -> str:
    """Quote a value of a connection string (manual 32.1.1)."""
    if text and not re.search(r"[\s'\\]", text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
