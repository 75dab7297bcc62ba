# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a standby can ask of its primary, over the same connection over which it follows it.

Source: PostgreSQL manual, 53.4 (Streaming Replication Protocol).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ansible_collections.slipway.flask.plugins.module_utils._postgres import wal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    run,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import Primary, conninfo

SECONDS = 30
SEPARATOR = "\t"


@dataclass(frozen=True)
class Source:
    """The primary: whose data it has, its timeline, where each of the former timelines ended, and whether it takes writes."""

    system: str
    timeline: int
    history: Mapping[int, int] = field(default_factory=dict)
    version: int = 0
    """Its major version."""
    in_recovery: bool = False
    connections: int = 0
    """Its max_connections: a standby with fewer does not start (manual 26.4.3)."""


def ask(cluster: Cluster, primary: Primary, host: str) -> Source:
    """Return what PRIMARY, followed by HOST, says of itself. Raises PostgresError when it can't be asked."""
    parameters = conninfo(primary, host, replication="true")
    options = ["-X", "-q", "-A", "-t", "-w", "-F", SEPARATOR, "-v", "ON_ERROR_STOP=1", "-d", parameters]

    def command(sql: str) -> str:
        return run([str(cluster.programs / "psql"), *options, "-c", sql], user=SUPERUSER, seconds=SECONDS)

    try:
        return source(command)
    except PostgresError as error:
        raise PostgresError(
            f"{primary.name} can't be asked over {primary.address}, port {primary.port}: {error}"
        ) from None


def source(command: Callable[[str], str]) -> Source:
    """Put the questions by COMMAND, which returns what is answered."""
    system, timeline, *_ = command("IDENTIFY_SYSTEM").strip().split(SEPARATOR)
    number = int(timeline)
    return Source(
        system, number, history(command(f"TIMELINE_HISTORY {number}")) if number > 1 else {},
        int(command("SHOW server_version_num").strip()) // 10000, command("SHOW in_hot_standby").strip() == "on",
        int(command("SHOW max_connections").strip()),
    )  # fmt: skip


def history(said: str) -> dict[int, int]:
    """Return where each timeline ended: lines of number, position and reason, after the file's name in the first of them."""
    found = {}
    for line in said.splitlines():
        words = line.split(SEPARATOR)
        if words and words[0].endswith(".history"):
            words = words[1:]
        if len(words) >= 2 and words[0].strip().isdigit():
            found[int(words[0])] = wal.number(words[1])
    return found


def follows(timeline: int, end: int, found: Source) -> bool:
    """Tell whether data that has come to END of TIMELINE can follow the server FOUND without being copied anew."""
    return timeline == found.timeline or end <= found.history.get(timeline, -1)
