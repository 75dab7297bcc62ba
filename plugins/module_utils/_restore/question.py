# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a restore would do and what would be lost by it, for a person to decide before it begins.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    mariadb,
    mariadb_objects,
    mariadb_tables,
    places,
    swap,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from ansible_collections.slipway.flask.plugins.module_utils._restore import choice as choices
from ansible_collections.slipway.flask.plugins.module_utils._restore import database, folders
from ansible_collections.slipway.flask.plugins.module_utils._restore.choice import Choice

ROOM = 2.3
"""How often a database is on the disk meanwhile beside the live one: in the scratch cluster, restored, and as a dump."""
RESERVE_BYTES = 256 << 20


class Question:
    """What there is to decide. PROCESSES are the names of those that the live release has; KEEP: it serves on."""

    def __init__(
        self, settings: Settings, data: AppData, choice: Choice, paths: Paths, serving: Record, keep: bool, at: datetime,
        processes: Sequence[str],
    ) -> None:  # fmt: skip
        self.settings, self.data, self.choice, self.paths = settings, data, choice, paths
        self.serving, self.keep, self.at, self.processes = serving, keep, at, list(processes)
        self.live = live(settings, data)
        self.planned = folders.planned(data.name, "20000101T000000Z", data.folders)[0] if choice.point else []

    def refuse(self) -> None:
        """Raise BackupError or ReleaseError for what can't be done."""
        if self.data.database:
            self._refuse_database()
        elif self.choice.point is None:
            raise BackupError(f"{self.data.name} has no restore point")
        if self.data.mariadb and (said := mariadb_objects.refused(self.data.mariadb, self.data.user)):
            raise BackupError(said)
        if self.choice.point and self.choice.point.head and not self.data.database:
            heads: list[str] | None = self.choice.point.head.split("+")
        else:
            heads = choices.expected_heads(self.paths, self.choice)
        self.release = choices.release_for(self.paths, heads, self.choice.said, self.keep)
        self.heads = heads
        needed, free = self._needed(), shutil.disk_usage(_existing(places.SCRATCH)).free
        if needed + RESERVE_BYTES > free:
            raise BackupError(
                f"a restore needs {needed / 1e6:.0f} MB next to the present data, and {free / 1e6:.0f} MB "
                "are free: free some space (-e forget=all removes kept restores)"
            )

    def _refuse_database(self) -> None:
        """Raise BackupError when no backup of the cluster reaches back to the moment."""
        found = PgBackRest(self.settings).info()
        if any(self._reaches(repository) for repository in found):
            return
        said = [
            f"{target.name}: " + (
                repository.problem
                or (f"its oldest backup ended at {moments.said(repository.backups[0].stop)}" if repository.backups else "no backup")
            )
            for target, repository in zip(self.settings.targets, found, strict=True)
        ]  # fmt: skip
        raise BackupError(f"no backup of the database reaches back to {self.choice.said}: {'; '.join(said)}")

    def _reaches(self, repository: Repository) -> bool:
        if self.choice.moment.point and self.choice.point:
            backup = next((one.backup for one in self.choice.point.places if one.target == repository.number), "")
            if backup and any(backup == one.label for one in repository.backups):
                return not repository.problem
        return not repository.problem and repository.before(self.choice.moment.when) is not None

    def _needed(self) -> int:
        """Return the bytes that are needed on the disk meanwhile."""
        size = self.choice.point.folder_bytes if self.choice.point else 0
        known = self.choice.point.database_bytes if self.choice.point else 0
        return size + int(ROOM * max(int(self.live.get("bytes", 0)), known))

    def answer(self) -> dict[str, Any]:
        """Return all of it. Raises BackupError and ReleaseError for what can't be done."""
        self.refuse()
        choice, point = self.choice, self.choice.point
        newer = folders.newer(self.planned, choice.time)
        return {
            "app": self.data.name,
            "to": choice.said,
            "resolved": choice.moment.point or ("latest" if choice.moment.is_latest else choice.time.isoformat()),
            "age_seconds": int((self.at - choice.time).total_seconds()),
            "database": self.data.database or self.data.mariadb,
            "points_only": bool(self.data.mariadb),
            "database_bytes": int(self.live.get("bytes", 0)),
            "had_database": bool(self.live),
            "elsewhere": self.data.elsewhere,
            "sessions": int(self.live.get("sessions", 0)),
            "folders": [one.live for one in self.planned],
            "all_folders": list(self.data.folders),
            "point": point.name if point else "",
            "carries": choice.carries and bool(self.planned),
            "newer": asdict(newer),
            "serving": self.serving.id,
            "release": self.release.id,
            "heads": self.heads,
            "serving_heads": self.serving.heads_after,
            "keep": self.keep,
            "processes": self.processes,
        }


def live(settings: Settings, data: AppData) -> dict[str, Any]:
    """Return what the server says of the app's database, {} when there is none. Raises BackupError."""
    if data.mariadb:
        return {"bytes": mariadb.look(data).size} if mariadb_tables.tables_of(data.mariadb) else {}
    return database.properties(swap.cluster_of(settings.cluster), data.database) if data.database else {}


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
