# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What can be restored, read from the targets: restore points, and the period for point-in-time recovery.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import inf
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import brief, database, points, retention, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Keep, Settings


def overview(settings: Settings, app: str = "") -> dict[str, Any]:
    """Return all of it as JSON has it; times are ISO 8601. `problems` are sentences: what can't be read, what fails."""
    found, problems = points.read(settings, app)
    names = [target.name for target in settings.targets]
    whole: dict[str, Any] = {
        "targets": names,
        "points": [
            {
                **{key: value for key, value in asdict(point).items() if key != "places"},
                "time": point.time.isoformat(), "where": [place.target for place in point.places],
            }
            for point in found
        ],
        "ranges": [], "backups": [],
    }  # fmt: skip
    if settings.has_cluster:
        try:
            _cluster(settings, whole, problems)
            starts = {one["target"]: one["from"] for one in whole["ranges"]}
            for entry, point in zip(whole["points"], found, strict=True):
                entry["is_whole"] = is_whole(point, starts)
        except BackupError as error:
            problems.append(str(error))
    for what in ("run", "drill", "check"):
        last = state.outcome(what)
        whole[what] = asdict(last) if last else None
    whole["problems"] = list(dict.fromkeys([*problems, *brief.brief().problems]))
    return whole


def _cluster(settings: Settings, whole: dict[str, Any], problems: list[str]) -> None:
    """Add what the repositories of the cluster hold."""
    try:
        newest = database.archiver(database.cluster_of(settings))["archived_at"]
    except BackupError:
        newest = None  # a host that has lost its cluster still has its backups
    for found in PgBackRest(settings).info():
        target = settings.targets[found.number - 1].name
        if found.problem:
            problems.append(f"{target}: {found.problem}")
        start = reach(found, settings.keep)
        if start:
            end = max(found.backups[-1].stop.timestamp(), newest or 0)
            whole["ranges"].append({"target": found.number, "from": start.timestamp(), "to": end})
        whole["backups"] += [
            {"target": found.number, "label": one.label, "kind": one.kind, "time": one.stop.timestamp(),
             "seconds": (one.stop - one.start).total_seconds(), "size": one.size, "stored": one.stored}
            for one in found.backups
        ]  # fmt: skip


def is_whole(point: Point, starts: Mapping[int, float]) -> bool:
    """Tell whether a point's database can be had, at a target that has a backup of the point's run or reaches back to it.

    One that was made before the first backup of the cluster has none. STARTS: target -> since when any moment can be had.
    """
    reached = (starts.get(place.target, inf) <= point.time.timestamp() for place in point.places)
    return not point.database_bytes or any(place.backup for place in point.places) or any(reached)


def reach(found: Repository, keep: Keep) -> Any:
    """Return from when on any moment can be had: the end of the first full backup with all WAL since; None for none."""
    gone = retention.expiry(found, keep)
    if not gone:
        return None
    since = found.fulls[-gone.fulls :]
    mended = [full for full in since if full.annotations.get(retention.GAP)]
    return (mended or since)[-1 if mended else 0].stop
