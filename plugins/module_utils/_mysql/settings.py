# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MariaDB's settings for a small host that it shares with the app, and the text of its file.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import conf

HEADER = "# Written by Ansible (slipway.flask): the next run overwrites what is changed here.\n"
SETTING = re.compile(r"[a-z][a-z0-9_]*")
COLLATION = re.compile(r"utf8mb4_[a-z0-9_]+")
DAYS_30 = 2_592_000


def memory_settings(memory_mb: int, percent: int) -> dict[str, str]:
    """Compute the memory settings.

    - innodb_buffer_pool_size: PERCENT of the memory, 64 MB at least. MariaDB's documentation takes up to 80 % on a *dedicated*
      server; here the app's workers need their share. Unlike PostgreSQL, InnoDB reads past the kernel's cache (O_DIRECT), so
      it is all that keeps data in memory.
    - aria_pagecache_buffer_size: 1 %, 8 to 128 MB (MariaDB's default): for temporary tables on the disk, and the system's.
    - key_buffer_size: 8 MB in place of 128: MyISAM, which nobody uses.
    """
    return {
        "innodb_buffer_pool_size": f"{max(64, memory_mb * percent // 100)}M",
        "aria_pagecache_buffer_size": f"{min(128, max(8, memory_mb // 100))}M",
        "key_buffer_size": "8M",
    }


def server_settings(
    memory_mb: int, percent: int, max_connections: int, collation: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Return every setting of the file; EXTRA adds to the others and wins over them."""
    settings: dict[str, Any] = {
        # No TCP listener: the apps are on this host and come over the Unix socket.
        "skip_networking": True,
        "skip_name_resolve": True,
        "max_connections": max_connections,
        **memory_settings(memory_mb, percent),
        "character_set_server": "utf8mb4",
        "collation_server": collation,
        "default_time_zone": "+00:00",
        # A client that has gone shows at once on a socket. With MariaDB's 8 hours, an app's pool finds its connections
        # closed after a quiet night ("MySQL server has gone away").
        "wait_timeout": DAYS_30,
        # LOAD DATA LOCAL lets whoever answers a query read the client's files.
        "local_infile": False,
    }
    settings.update({str(name).replace("-", "_"): value for name, value in extra.items()})
    return settings


def value_text(value: Any) -> str:
    """Write VALUE as an option file wants it.

    :raises ValueError: for a value that is neither text nor a number nor a truth value, or has a line break.
    """
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"must be text, a number or true/false, not {type(value).__name__}")
    if re.search(r"[\n\r\0\"]", value):
        raise ValueError('must be one line without "')
    return value if re.fullmatch(r"[A-Za-z0-9_.:/+-]+", value) else '"' + value.replace("\\", "\\\\") + '"'


def conf_text(settings: Mapping[str, Any]) -> str:
    """Return the option file, sorted by name.

    :raises ValueError: naming the setting whose name or value can't be written.
    """
    return HEADER + "[mariadbd]\n" + conf.lines(settings, SETTING, value_text)


def server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the role's numbers and texts; VARIABLES by name without the role's prefix."""
    problems = []
    for name, low, high, unit in (
        ("buffer_pool_percent", 1, 80, "percent of the memory"),
        ("timeout_seconds", 1, 60, "seconds"),
    ):
        value = int(variables.get(name, low))
        if not low <= value <= high:
            problems.append(f"mariadb_server_{name} is {value}; it must be from {low} to {high} ({unit})")
    most = int(variables.get("max_connections", 0))
    if most and not 10 <= most <= 10000:
        problems.append(
            f"mariadb_server_max_connections is {most}; it must be from 10 to 10000, or 0 for what the apps need"
        )
    memory = int(variables.get("memory_mb", 0))
    if memory and memory < 128:
        problems.append(f"mariadb_server_memory_mb is {memory}; it must be 0 (the host's memory) or at least 128")
    if not COLLATION.fullmatch(str(variables.get("collation", "utf8mb4_unicode_ci"))):
        problems.append(
            f"mariadb_server_collation is '{variables['collation']}'; it must be one of utf8mb4, like utf8mb4_unicode_ci"
        )
    try:
        conf_text({str(name).replace("-", "_"): value for name, value in (variables.get("settings") or {}).items()})
    except ValueError as error:
        problems.append(f"mariadb_server_settings: {error}")
    return problems
