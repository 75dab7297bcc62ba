# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PostgreSQL's settings for a small host that it shares with the app, and the texts of its two files.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import conf
from ansible_collections.slipway.flask.plugins.module_utils._postgres import network

HEADER = "# Written by Ansible (slipway.flask): the next run overwrites what is changed here.\n"
SETTING = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
STATISTICS = "pg_stat_statements"
"""The library that counts what each statement costs, and its extension."""


def memory_settings(memory_mb: int, percent: int, max_connections: int) -> dict[str, str]:
    """Compute the four memory settings.

    - shared_buffers: PERCENT of the memory, 32 MB at least. The manual (19.4.1) starts at 25 % on a *dedicated* server
      and takes less below 1 GB; here the app's workers need their share.
    - effective_cache_size: half of the memory. The planner's guess at what shared_buffers and the kernel's cache hold
      together (19.7.2); reserves nothing.
    - work_mem: a quarter of the memory over all connections, 4 MB (PostgreSQL's own default) to 64 MB. Every sort or
      hash of every connection may take as much (19.4.1).
    - maintenance_work_mem: 5 % of the memory, 32 MB to 1 GB. Up to autovacuum_max_workers (3) take it at once (19.4.1).
    """
    work = min(64, max(4, memory_mb // 4 // max(1, max_connections)))
    return {
        "shared_buffers": f"{max(32, memory_mb * percent // 100)}MB",
        "effective_cache_size": f"{memory_mb // 2}MB",
        "work_mem": f"{work}MB",
        "maintenance_work_mem": f"{min(1024, max(32, memory_mb * 5 // 100))}MB",
    }


def vacuum_settings(memory_mb: int) -> dict[str, Any]:
    """Compute autovacuum's settings; what isn't here is PostgreSQL's own default, the three workers among it.

    - autovacuum_work_mem: a third of maintenance_work_mem, 16 MB at least, so that the three workers together take no
      more than one CREATE INDEX (19.4.1 warns of the product). 16 MB hold 2.8 million dead rows before PostgreSQL 17
      (6 bytes each, 25.1.1), and several times as many since.
    - autovacuum_vacuum_scale_factor: 0.1. The default (19.10) waits until a fifth of a table is dead; on a small disk and
      a small cache that is a fifth of both. Each run is shorter in turn.
    - autovacuum_analyze_scale_factor: 0.05, likewise half of the default: the planner's numbers are at most 5 % old.

    autovacuum_vacuum_cost_limit (200) and _cost_delay (2 ms) stay: at most some 40 MB/s are written (10 pages of cost 20
    each, 19.4.4, every 2 ms), which solid-state storage bears beside the site.
    """
    maintenance = min(1024, max(32, memory_mb * 5 // 100))
    return {
        "autovacuum_work_mem": f"{max(16, maintenance // 3)}MB",
        "autovacuum_vacuum_scale_factor": 0.1,
        "autovacuum_analyze_scale_factor": 0.05,
    }


def server_settings(
    memory_mb: int, percent: int, max_connections: int, slow_ms: int, timezone: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Return every setting of the drop-in; EXTRA adds to the others and wins over them."""
    settings: dict[str, Any] = {
        # No TCP listener: the apps are on this host and come over the Unix socket (manual 19.3.1).
        "listen_addresses": "",
        "max_connections": max_connections,
        **memory_settings(memory_mb, percent, max_connections),
        **vacuum_settings(memory_mb),
        # What each statement costs: 2 MB of shared memory for the 5000 most used (measured), which a start allocates.
        "shared_preload_libraries": STATISTICS,
        # Utility statements have their values in them (ALTER ROLE … PASSWORD), and BEGIN and COMMIT are no finding.
        "pg_stat_statements.track_utility": False,
        # A VPS has solid-state storage, for which the manual (19.7.2) suggests 1.1 in place of 4.
        "random_page_cost": 1.1,
        "timezone": timezone,
        "log_timezone": timezone,
        "log_min_duration_statement": slow_ms,
        # Parameters are what users typed: sessions, addresses, password hashes (manual 19.8.3). Not in a log.
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
        # Who waits longer than deadlock_timeout (1 s) for a lock: a migration that blocks the site shows up here.
        "log_lock_waits": True,
        "log_temp_files": "10MB",
    }
    settings.update(extra)
    return settings


def has_statistics(settings: Mapping[str, Any]) -> bool:
    """Whether a server with SETTINGS counts what statements cost: not when the user names other libraries alone."""
    return STATISTICS in re.split(r"[\s,]+", str(settings.get("shared_preload_libraries", "")))


ARCHIVE_SECONDS = 50
"""How long WAL may wait at most before its segment is archived although it is not full: what a dead host can lose."""
DISCARD = "/bin/true"
"""The command that archives nothing. An empty one would have the server keep all WAL (manual 26.3.1)."""


def archive_settings(command: str, is_on: bool, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that have each WAL segment given to COMMAND, "" for none.

    archive_mode alone needs a restart, so it is never turned off, and turned on beforehand where that costs nothing:
    backups come and go with a reload.

    :param is_on: whether it is on already, or nothing runs yet.
    :param extra: the user's own settings: with `wal_level: minimal` a server can't archive.
    """
    if command:
        return {"archive_mode": True, "archive_command": command, "archive_timeout": ARCHIVE_SECONDS}
    if not is_on or extra.get("wal_level") == "minimal":
        return {}
    return {"archive_mode": True, "archive_command": DISCARD}


def value_text(value: Any) -> str:
    """Write VALUE as postgresql.conf wants it (manual 19.1.1): on/off, a bare number, or a quoted string.

    :raises ValueError: for a value that is neither, or has a line break.
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"must be text, a number or true/false, not {type(value).__name__}")
    if re.search(r"[\n\r\0]", value):
        raise ValueError("must be one line")
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def conf_text(settings: Mapping[str, Any]) -> str:
    """Return the drop-in file, sorted by name.

    :raises ValueError: naming the setting whose name or value can't be written.
    """
    return HEADER + conf.lines(settings, SETTING, value_text)


def hba_text(extra: Sequence[str] = ()) -> str:
    """Return pg_hba.conf: who comes over the socket is who the kernel says (manual 21.9); whoever else is refused.

    The first line that fits decides (manual 21.1), so EXTRA lines stand before the last, general one.

    :raises ValueError: for an extra line that would break out of its line.
    """
    lines = ["local all postgres peer\n", "local replication postgres peer\n"]
    for rule in extra:
        if re.search(r"[\n\r\0]", rule) or not rule.strip():
            raise ValueError(f"the pg_hba rule {rule!r} must be one line with something in it")
        lines.append(rule.strip() + "\n")
    return (
        HEADER
        + "# A role gets in as the system user of the same name only, and into its own database only:\n"
        + ("# CONNECT on all others is revoked.\n" + "".join(lines) + "local all all peer\n")
    )


def server_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the role's numbers and texts; VARIABLES by name without the role's prefix."""
    problems = []
    for name, low, high, unit in (
        ("shared_buffers_percent", 1, 40, "percent of the memory: more than 40 rarely helps (manual 19.4.1)"),
        ("connections", 0, 10000, "connections"),
        ("slow_statement_ms", -1, 2**31 - 1, "milliseconds; -1 logs none"),
    ):
        value = int(variables.get(name, low))
        if not low <= value <= high:
            problems.append(f"postgres_server_{name} is {value}; it must be from {low} to {high} ({unit})")
    most = int(variables.get("max_connections", 0))
    if most and not 5 <= most <= 10000:
        problems.append(
            f"postgres_server_max_connections is {most}; it must be from 5 to 10000, or 0 for what the apps need"
        )
    memory = int(variables.get("memory_mb", 0))
    if memory and memory < 128:
        problems.append(f"postgres_server_memory_mb is {memory}; it must be 0 (the host's memory) or at least 128")
    if not re.fullmatch(r"|[0-9.]+/[A-Za-z0-9_.-]+", str(variables.get("cluster", ""))):
        problems.append(f"postgres_server_cluster is '{variables['cluster']}'; it must be like 17/main, or empty")
    if not re.fullmatch(r"[A-Za-z0-9_.@-]+", str(variables.get("locale", "C.UTF-8"))):
        problems.append(f"postgres_server_locale is '{variables['locale']}'; it must be a locale's name like C.UTF-8")
    try:
        conf_text(variables.get("settings") or {})
    except ValueError as error:
        problems.append(f"postgres_server_settings: {error}")
    try:
        hba_text(variables.get("hba") or [])
    except ValueError as error:
        problems.append(f"postgres_server_hba: {error}")
    return problems + network.problems(variables)
