# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which moment is meant, where it is in the repositories, and which release suits the data of then.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import SWITCHED, Paths, Record, ReleaseError

SHOWN = 5
"""Restore points that a refusal names."""


@dataclass(frozen=True)
class Choice:
    """What is restored."""

    moment: Moment
    """That of the database."""
    time: datetime
    """The same as a time; of the latest, when it was asked for."""
    point: Point | None
    """The restore point that folders (and SQLite's databases) come from, None when there is none that is old enough."""
    carries: bool
    """Whether files that came between the point and the moment are taken from the folders that are there."""

    @property
    def said(self) -> str:
        """The moment, for people."""
        return str(self.moment) if self.moment.point else moments.said(self.time)


def choose(points: Sequence[Point], app: AppData, to: str, before: str, at: datetime) -> Choice:
    """Return what a person means by `to` or `before`, AT a time. Raises BackupError.

    :param points: the app's, oldest first.
    """
    if bool(to) == bool(before):
        raise BackupError(
            "choose the time: -e to=latest, -e to='2026-11-25 14:05' (UTC, or with an offset), -e to=<restore point>, "
            "or -e before=<release>" + ("; pass either to or before, not both" if to else "")
        )
    if before:
        return _exactly(before_release(points, before), at)
    try:
        moment = moments.parse(to, at)
    except ValueError as error:
        raise BackupError(str(error)) from None
    if moment.point:
        named = [point for point in points if point.name == moment.point]
        if not named:
            raise BackupError(f"{app.name} has no restore point '{moment.point}'{_known(points)}")
        return _exactly(named[0], at)
    time = moment.time or at
    earlier = [point for point in points if point.time <= time]
    point = earlier[-1] if earlier else None
    if point is None and not app.database:
        raise BackupError(f"no restore point of {app.name} is as old as {moments.said(time)}{_known(points)}")
    if point and app.mariadb:  # its dump is of that point, and there is no moment after it
        return _exactly(point, at)
    return Choice(moment, time, point, point is not None)


def _exactly(point: Point, at: datetime) -> Choice:
    return Choice(Moment(point=point.name), point.time, point, False)


def before_release(points: Iterable[Point], release: str) -> Point:
    """Return the newest point that was made before the migration of RELEASE, an id or its number. Raises BackupError."""
    made = [point for point in points if "-before-" in point.name]
    wanted = release.split("-")[0].lstrip("0")
    exact = [point for point in made if point.name.partition("-before-")[2] == release]
    found = exact or [
        point for point in made
        if release.isdecimal() and point.name.partition("-before-")[2].split("-")[0].lstrip("0") == wanted
    ]  # fmt: skip
    if not found:
        known = ", ".join(dict.fromkeys(point.name.partition("-before-")[2] for point in made[-SHOWN:])) or "none"
        raise BackupError(
            f"there is no restore point before the migration of release '{release}'; there is one before: {known}"
        )
    return found[-1]


def _known(points: Sequence[Point]) -> str:
    if not points:
        return "; there is none: playbooks/backup.yml makes one"
    names = ", ".join(point.name for point in points[-SHOWN:])
    return f"; the newest are {names} (playbooks/backups.yml lists all)"


# ---- the release -------------------------------------------------------------------------------------------------


def expected_heads(paths: Paths, choice: Choice) -> list[str] | None:
    """Return where the migrations were at the moment, as far as the host or the restore point knows, None when neither does."""
    if choice.moment.point and choice.point and choice.point.head:
        return choice.point.head.split("+")
    stamp = choice.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    past = [
        entry for entry in history(paths.history)
        if entry.get("outcome") in SWITCHED and str(entry.get("ended") or "") <= stamp
    ]  # fmt: skip
    return _heads(past[-1]) if past else None


def _heads(entry: Mapping[str, Any]) -> list[str] | None:
    found = entry.get("heads_after")
    return None if found is None else [str(one) for one in found]


def suits(record: Record, heads: Iterable[str] | None) -> bool:
    """Tell whether the release of RECORD was made for data at HEADS; one that knows of no migrations takes any."""
    return heads is None or record.heads_after is None or sorted(record.heads_after) == sorted(heads)


def release_for(paths: Paths, heads: Sequence[str] | None, said: str, keep: bool) -> Record:
    """Return the release that shall serve data at HEADS, the one of the moment SAID. Raises ReleaseError when there is none.

    That is the one that serves if it suits, or the newest one on the host that does. KEEP: the one that serves in any case.
    """
    serving = paths.record(paths.current_id())
    if serving is None:
        raise ReleaseError("nothing has been deployed yet, so there is no release to use the data", "check")
    if keep or suits(serving, heads):
        return serving
    there = [record for release in reversed(paths.release_ids()) if (record := paths.record(release))]
    kept = [record for record in there if record.outcome in SWITCHED]
    for record in kept:
        if suits(record, heads):
            return replace(record)
    known = ", ".join(f"{one.id} ({_shown(one.heads_after)})" for one in kept)
    raise ReleaseError(
        f"the data of {said} is at migration head {_shown(heads)}, and no release on the host was made for it: {known}. "
        f"Choose a later time, deploy the older revision first (deploy.yml -e app={serving.app} -e version=… ), or, if the "
        f"code of {serving.id} works with it, continue with -e restore_schema=keep and deploy afterwards, which migrates",
        "check",
    )


def _shown(heads: Iterable[str] | None) -> str:
    return ", ".join(sorted(heads)) or "base" if heads is not None else "unknown"
