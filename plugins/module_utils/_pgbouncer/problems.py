# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with a list of pools.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import conf, listed
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer.names import CLIENTS, SIZES

NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
"""48 characters keep the socket's path below the 107 that it may have (unix(7))."""
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # useradd(8)
DATABASE = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
KEYS = {"name", "user", "database", "size", "clients", "settings"}
OWN = {
    "listen_addr", "listen_port", "unix_socket_dir", "unix_socket_mode", "unix_socket_group", "user", "pidfile", "logfile",
    "auth_type", "auth_file", "auth_hba_file", "auth_query", "auth_user", "auth_ident_file", "auth_dbname", "admin_users",
    "stats_users", "pool_mode", "default_pool_size", "max_db_connections", "max_client_conn", "conffile", "service_name",
    "so_reuseport",
}  # fmt: skip
"""Settings that hold the pool in its place; its sizes have keys of their own."""


def problems(pools: Any) -> list[str]:
    """Return what is wrong with a list of pools, one sentence per fault."""
    return listed.problems(pools, "pool", ["name"], _of_pool)


def _of_pool(entry: Mapping[str, Any], name: str) -> Iterable[str]:
    if not NAME.fullmatch(name):
        yield "the name must begin with a small letter and have only small letters, digits and -, 48 characters at most"
    yield from listed.unknown(entry, KEYS)
    if not USER.fullmatch(str(entry.get("user") or name)):
        yield f"'{entry.get('user')}' in 'user' is not a valid system user name"
    if not DATABASE.fullmatch(str(entry.get("database") or name)):
        yield f"database is '{entry.get('database')}'; it must have small letters, digits, _ and - only"
    for key, (low, high) in (("size", SIZES), ("clients", CLIENTS)):
        value = entry.get(key)
        if value is not None and (isinstance(value, bool) or not str(value).isdigit() or not low <= int(value) <= high):
            yield f"{key} is {value}; it must be a number from {low} to {high}"
    yield from conf.problems(entry.get("settings") or {}, "pgbouncer.ini", OWN, "_")
