# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A moment to which data is brought back: the latest, a time, or a restore point.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

STAMP = "%Y%m%dT%H%M%SZ"
POINT = re.compile(r"(\d{8}T\d{6}Z)(-before-[A-Za-z0-9._-]+)?")
"""The name of a restore point: its moment in UTC, and before which release's migration it was made."""
CLUSTER_POINT = "slipway-"
"""What stands before a point's name where PostgreSQL keeps it (pg_create_restore_point)."""


@dataclass(frozen=True)
class Moment:
    """The latest that there is, unless `time` (aware) or `point` (a name) is given.

    BACKUP is for a point that is older than the WAL reaches: the backup that was made with it, in the repository that is
    restored from. The database comes back as it was at that backup's end then.
    """

    time: datetime | None = None
    point: str = ""
    backup: str = ""

    @property
    def is_latest(self) -> bool:
        return self.time is None and not self.point

    @property
    def when(self) -> datetime | None:
        """The time of it, None for the latest."""
        return self.time or (time_of(self.point) if self.point else None)

    def __str__(self) -> str:
        return self.point or (said(self.time) if self.time else "latest")


LATEST = Moment()


def now() -> datetime:
    """Return the time, to the second, in UTC."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def name(moment: datetime, before: str = "") -> str:
    """Return the name of the restore point at MOMENT, made BEFORE the migration of a release ("" for none)."""
    stamp = moment.astimezone(timezone.utc).strftime(STAMP)
    return f"{stamp}-before-{before}" if before else stamp


def time_of(point: str) -> datetime:
    """Return the moment that the name of a restore point says. Raises ValueError when it is none."""
    match = POINT.fullmatch(point)
    if not match:
        raise ValueError(f"'{point}' is not the name of a restore point")
    return datetime.strptime(match[1], STAMP).replace(tzinfo=timezone.utc)


def said(moment: datetime) -> str:
    """Return MOMENT for people, in UTC: to the minute where that is exact."""
    found = moment.astimezone(timezone.utc)
    return found.strftime("%Y-%m-%d %H:%M:%S UTC" if found.second else "%Y-%m-%d %H:%M UTC")


def parse(text: str, at: datetime | None = None) -> Moment:
    """Return the moment that a person means: `latest`, a restore point's name, or a time (UTC without an offset).

    :param at: what time it is; no moment is later.
    :raises ValueError: with a sentence for the person.
    """
    given = str(text).strip()
    if given == "latest":
        return LATEST
    if POINT.fullmatch(given):
        time_of(given)
        return Moment(point=given)
    # Python 3.10's fromisoformat knows neither a trailing Z nor the word that `said` writes.
    iso = re.sub(r"\s*(Z|UTC)$", "+00:00", given)
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        raise ValueError(
            f"'{given}' is not a valid time: use latest, a time such as '2026-11-25 14:05' (UTC, or with an offset such as "
            "+01:00), or the name of a restore point"
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    if found > (at or datetime.now(timezone.utc)):
        raise ValueError(f"{said(found)} is in the future")
    return Moment(time=found.astimezone(timezone.utc))
