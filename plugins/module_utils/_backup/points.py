# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Restore points: moments to which one app's database and folders can be brought back together.

A point is a snapshot of restic's at each target, with what is known of it in the tags, so that a list needs one call per
target, and in a manifest. Its database is the local cluster's at the named restore point `slipway-<name>`, which is
written before the folders are read: each row's file is there. Points are listed from the repositories alone, which outlive
the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Keep, Settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, find_cluster, psql

HOST = "kind:host"
"""Tag of the snapshot with what the host itself needs to come back."""
MARK = """
SELECT pg_create_restore_point('{name}');
SELECT pg_walfile_name(pg_switch_wal());
"""


@dataclass(frozen=True)
class Place:
    """Where a point is: the number of the target (from 1 on), restic's snapshot, and the backup that was made with it.

    BACKUP is pgBackRest's label in that target's repository, "" when no backup of the cluster was made then.
    """

    target: int
    snapshot: str
    backup: str = ""


@dataclass(frozen=True)
class Point:
    """One restore point of one app."""

    name: str
    app: str
    release: str = ""
    """The release that served."""
    head: str = ""
    """Where the database's migrations were; several heads are joined by `+`."""
    reason: str = ""
    """`timer`, `by hand`, or `before <release>`."""
    full: str = ""
    """The stamp of its run, if that made a full backup: it may stay for weeks and months; see `retention`."""
    database_bytes: int = 0
    folder_bytes: int = 0
    seconds: float | None = None
    """How long the run took that made it; None when it isn't known."""
    places: list[Place] = field(default_factory=list)

    @property
    def time(self) -> datetime:
        return moments.time_of(self.name)

    def place(self, target: int = 0) -> Place:
        """Return where it is at a TARGET, or at the first that has it (0). Raises BackupError when it isn't there."""
        found = [place for place in self.places if target in (0, place.target)]
        if not found:
            raise BackupError(f"the restore point {self.name} of {self.app} is not at target {target}")
        return found[0]

    def moment(self, keep: Keep, target: int = 0, at: datetime | None = None) -> Moment:
        """Return what PgBackRest.restore takes for the point's database at a TARGET.

        While WAL reaches back to it, which is as long as KEEP's days, this is the point itself; then, what the backup
        that was made with it had at its end: a few seconds before.
        """
        old = (at or moments.now()) - self.time > timedelta(days=keep.days)
        return Moment(point=self.name, backup=self.place(target).backup if old else "")


@dataclass(frozen=True)
class Mark:
    """A named restore point in the cluster's WAL: its name, and the segment that holds it."""

    name: str
    segment: str


def mark(settings: Settings, name: str) -> Mark | None:
    """Write the point called NAME into the local cluster's WAL, and have it archived at once; None without a cluster.

    :raises BackupError: when the cluster can't be asked.
    """
    if not settings.has_cluster:
        return None
    try:
        cluster = find_cluster(settings.cluster)
        if cluster is None:
            raise BackupError("there is no PostgreSQL cluster on this host")
        said = psql(cluster, MARK.format(name=moments.CLUSTER_POINT + name))
    except PostgresError as error:
        raise BackupError(f"the restore point can't be written: {error}") from None
    return Mark(name, said.split()[-1])


def points(settings: Settings, app: str = "") -> list[Point]:
    """Return the restore points of all apps, or of one APP, the oldest first.

    :raises BackupError: when no target can be read.
    """
    found, problems = read(settings, app)
    if problems and len(problems) == len(settings.targets):
        raise BackupError("; ".join(problems))
    return found


def read(settings: Settings, app: str = "") -> tuple[list[Point], list[str]]:
    """Return the restore points, and a sentence for each target that can't be read."""
    found: dict[int, list[Snapshot]] = {}
    problems = []
    for number, target in enumerate(settings.targets, 1):
        try:
            found[number] = Restic(settings, target).snapshots()
        except BackupError as error:
            problems.append(str(error))
    return [point for point in merged(found) if app in ("", point.app)], problems


def merged(snapshots: Mapping[int, Iterable[Snapshot]]) -> list[Point]:
    """Return the points that the SNAPSHOTS of the targets, by number, are of."""
    found: dict[tuple[str, str], Point] = {}
    seconds: dict[str, float] = {}
    for number in sorted(snapshots):
        for one in snapshots[number]:
            name, app = one.tag("point"), one.tag("app")
            if not moments.POINT.fullmatch(name):
                continue
            if HOST in one.tags:
                seconds[name] = max(seconds.get(name, 0.0), _number(one.tag("seconds")))
            if not app:
                continue
            point = found.setdefault((name, app), _point(one))
            point.places.append(Place(number, one.id, one.tag("backup")))
    whole = [Point(**{**point.__dict__, "seconds": seconds.get(point.name, point.seconds)}) for point in found.values()]
    return sorted(whole, key=lambda point: (point.name, point.app))


def _point(one: Snapshot) -> Point:
    return Point(
        one.tag("point"), one.tag("app"), one.tag("release"), one.tag("head"), one.tag("reason"),
        one.tag("full"), int(_number(one.tag("database"))), int(_number(one.tag("folders"))),
    )  # fmt: skip


def tags(point: Point, backup: str = "") -> list[str]:
    """Return the tags of POINT's snapshot at a target where BACKUP was made with it. A tag can hold no comma."""
    found = {
        "app": point.app, "point": point.name, "release": point.release, "head": point.head, "reason": point.reason,
        "full": point.full,
        "database": str(point.database_bytes), "folders": str(point.folder_bytes), "backup": backup,
    }  # fmt: skip
    return [f"{name}:{value.replace(',', '+')}" for name, value in found.items() if value]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def staged(app: str) -> Path:
    """Return where an APP's manifest and copies are staged, and where they are in its snapshots.

    There: `point.json`, `sqlite/<absolute path of the database>` and `dump/<file>`.
    """
    return places.STAGING / app
