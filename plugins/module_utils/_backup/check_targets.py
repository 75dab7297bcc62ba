# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong at the targets: out of reach, another passphrase, full, or backups that are too old.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import meaning, moment, setup
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_report import gigabytes
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.telling import Problem

LATE = 2
"""So many periods may pass before a backup, or a drill, is too old."""
BACKUP_SECONDS = 86_400
"""A backup of the cluster is made once a day."""
LEAST_FREE = 0.03
"""A disk with less than this part free is nearly full."""
NOW = "make one now with `ansible-playbook playbooks/backup.yml`"


@dataclass
class Seen:
    """What a check has seen, for the metrics: times as seconds of Unix, by target and app, or by target and kind of backup."""

    points: dict[tuple[str, str], float] = field(default_factory=dict)
    backups: dict[tuple[str, str], float] = field(default_factory=dict)
    reached: dict[str, bool] = field(default_factory=dict)
    free: dict[str, int] = field(default_factory=dict)
    archived: float = 0.0
    waiting: int = 0


def problems(settings: Settings, seen: Seen, now: datetime) -> Iterator[Problem]:
    """Yield what is wrong at each target; SEEN gets what was found there."""
    repositories: list[Repository] = []
    failed = ""
    if settings.has_cluster:
        try:
            repositories = PgBackRest(settings).info()
        except BackupError as error:
            failed = str(error)
    for number, target in enumerate(settings.targets, 1):
        repository = next((one for one in repositories if one.number == number), None)
        try:
            snapshots = _snapshots(settings, target, repository, failed)
        except BackupError as error:
            seen.reached[target.name] = False
            yield _problem(target, str(error))
        else:
            seen.reached[target.name] = True
            yield from _old_points(settings, target, snapshots, seen, now)
            if repository:
                yield from _old_backups(target, repository, seen, now)
        yield from _space(target, repository, seen)


def _snapshots(settings: Settings, target: Target, repository: Repository | None, failed: str) -> list[Snapshot]:
    """Return what restic has at a target that can be used. Raises BackupError: first what restic says, in the clearer words."""
    found = Restic(settings, target).snapshots()
    if settings.has_cluster and (said := failed or (repository.problem if repository else "")):
        raise BackupError(said)
    return found


def _problem(target: Target, said: str) -> Problem:
    kind = meaning.kind(said)
    return Problem(f"target:{target.name}:{kind}", meaning.sentence(target.name, said), kind == "away", target.name)


def _old_points(
    settings: Settings, target: Target, snapshots: list[Snapshot], seen: Seen, now: datetime
) -> Iterator[Problem]:
    allowed = LATE * settings.every_seconds
    for app in settings.apps:
        newest = max((one.time for one in snapshots if f"app:{app.name}" in one.tags), default=None)
        if newest:
            seen.points[target.name, app.name] = newest.timestamp()
        since = newest or setup.ready()
        if since and (now - since).total_seconds() > allowed:
            have = f"its newest restore point is from {moment.said(newest)}" if newest else "it has no restore point"
            yield Problem(
                f"age:{target.name}:{app.name}",
                f"{target.name}: {app.name}: {have}, and one is due every {minutes(settings.every_seconds)}: {NOW}, and see "
                "`journalctl -u slipway-backup` on the host",
                target=target.name,
            )


def _old_backups(target: Target, repository: Repository, seen: Seen, now: datetime) -> Iterator[Problem]:
    for backup in repository.backups:
        seen.backups[target.name, backup.kind] = backup.stop.timestamp()
    newest = repository.backups[-1].stop if repository.backups else None
    since = newest or setup.ready()
    if since and now - since > timedelta(seconds=LATE * BACKUP_SECONDS):
        have = (
            f"the newest backup of PostgreSQL is from {moment.said(newest)}" if newest else "PostgreSQL has no backup"
        )
        yield Problem(
            f"backup:{target.name}", f"{target.name}: {have}, and one is due every day: {NOW}", target=target.name
        )


def _space(target: Target, repository: Repository | None, seen: Seen) -> Iterator[Problem]:
    """Yield that the disk of a target that is a path is nearly full; others say so when it has happened."""
    if target.kind != "path" or not Path(target.path).is_dir():
        return
    disk = shutil.disk_usage(target.path)
    seen.free[target.name] = disk.free
    next_full = max((backup.stored for backup in repository.fulls), default=0) if repository else 0
    if disk.free < max(next_full, LEAST_FREE * disk.total):
        needs = f", and the next full backup needs about {gigabytes(next_full)}" if next_full > disk.free else ""
        yield Problem(
            f"space:{target.name}",
            f"{target.name} is nearly full: {gigabytes(disk.free)} of {gigabytes(disk.total)} are free{needs}; free some space "
            "there, or keep less (slipway_backups.keep)",
            target=target.name,
        )


def minutes(seconds: int) -> str:
    """Return a period for people: `30 min`, `1 h`."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"
