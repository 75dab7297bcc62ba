# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A cluster's data as it lies on the disk: whose it is, how its server ended, and whether it is a standby's.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._postgres import wal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    run,
)

SIGNAL = "standby.signal"
"""With this file in its data, a server starts as a standby, whatever else it is told (manual 26.2.4)."""
LABEL = "backup_label"
"""With this file, it is a copy that no server has been started with yet."""
CLEAN = "shut down"
"""The state of a server that ended in order while it took writes."""
RECOVERY = ("in archive recovery", "shut down in recovery")
"""Those of a standby."""


@dataclass(frozen=True)
class Control:
    """What pg_controldata says, and whether the data is a standby's (SIGNAL)."""

    system: str
    """Whose data it is: all copies of a cluster have the same number."""
    state: str
    timeline: int
    checkpoint: int
    """Where the last checkpoint's record begins. After a clean end nothing follows it."""
    recovered: int
    """How far a standby has come at least, and on which timeline; 0 for a primary."""
    recovered_timeline: int
    is_standby: bool
    is_copy: bool = False
    """Whether no server has run with it since it was copied: it says what its primary was then."""

    @property
    def ended_cleanly(self) -> bool:
        return self.state == CLEAN and not self.is_copy

    @property
    def has_recovered(self) -> bool:
        """Whether its server was a standby when it last ran: one that was closed by force may have SIGNAL, and yet more in it."""
        return self.is_copy or self.state in RECOVERY

    @property
    def reached(self) -> tuple[int, int] | None:
        """The timeline and how far on it the data is, where that is certain: not for a server that was killed as a primary."""
        if self.is_copy:
            return self.timeline, 0
        if self.has_recovered:
            return self.recovered_timeline or self.timeline, self.recovered
        return (self.timeline, self.checkpoint + 1) if self.ended_cleanly else None


def data_folder(cluster: Cluster) -> Path:
    """Return the folder of CLUSTER's data. Raises PostgresError when its configuration can't be read."""
    said = run(["pg_conftool", "--short", cluster.version, cluster.name, "show", "data_directory"]).strip()
    return Path(said)


def read(cluster: Cluster, data: Path) -> Control | None:
    """Return what the data of CLUSTER is, None if there is none. Raises PostgresError when it can't be read."""
    if not (data / "PG_VERSION").is_file():
        return None
    said = run([str(cluster.programs / "pg_controldata"), "-D", str(data)], user=SUPERUSER)
    return parse(said, (data / SIGNAL).exists(), (data / LABEL).exists())


def parse(said: str, is_standby: bool, is_copy: bool = False) -> Control:
    """Read what pg_controldata SAID. Raises PostgresError if something is missing."""
    rows = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())}
    try:
        return Control(
            rows["Database system identifier"], rows["Database cluster state"],
            int(rows["Latest checkpoint's TimeLineID"]), wal.number(rows["Latest checkpoint location"]),
            wal.number(rows["Minimum recovery ending location"]), int(rows["Min recovery ending loc's timeline"]),
            is_standby, is_copy,
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise PostgresError(f"pg_controldata says something unknown: {error}") from None
