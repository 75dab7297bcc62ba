# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is kept and what goes: one rule for the cluster's backups and for the snapshots, so that both halves of a point stay.

Everything stays for `days`. Of what is older, runs that made a full backup stay: the newest of each of the last `weeks` weeks
and of each of the last `months` months that have one. Time is counted from the newest backup, not from the clock: a host
whose backups fail keeps what it has. restic's `forget --keep-within --keep-weekly --keep-monthly` is the same rule, but
would choose other runs than those whose full backups are kept.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import Backup, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Keep

RUN = "run"
"""Annotation of pgBackRest's backups: the stamp of the run that made it. A snapshot has it as `full:<stamp>`."""

GAP = "gap"
"""Annotation of a full backup that was made because WAL before it is missing: the first segment that is."""


@dataclass(frozen=True)
class Expiry:
    """What goes from a repository of pgBackRest's: backups by label, and WAL older than the newest `fulls` full ones."""

    labels: list[str]
    fulls: int


def chosen(fulls: Iterable[datetime], keep: Keep) -> set[datetime]:
    """Return those of the FULLS that stay for their week or month: the newest of each."""
    newest_first = sorted(fulls, reverse=True)
    weeks = _newest_of(newest_first, lambda time: tuple(time.isocalendar())[:2], keep.weeks)
    return weeks | _newest_of(newest_first, lambda time: (time.year, time.month), keep.months)


def _newest_of(newest_first: Sequence[datetime], period: Callable[[datetime], object], count: int) -> set[datetime]:
    found: dict[object, datetime] = {}
    for time in newest_first:
        found.setdefault(period(time), time)
    return set(list(found.values())[:count])


def run_of(backup: Backup) -> datetime:
    """Return when the run began that made BACKUP; of one that was made by hand, when it ended."""
    stamp = backup.annotations.get(RUN, "")
    return moment.time_of(stamp) if moment.POINT.fullmatch(stamp) else backup.stop


def expiry(found: Repository, keep: Keep) -> Expiry | None:
    """Return what goes from a repository, None when there is no full backup in it.

    The full backup before the first of the days stays as well: they begin with it.
    """
    if not found.fulls:
        return None
    since = found.backups[-1].stop - timedelta(days=keep.days)
    newest_first = found.fulls[::-1]
    before = next((number for number, full in enumerate(newest_first) if full.stop <= since), len(newest_first) - 1)
    reached = newest_first[: before + 1]
    kept = chosen((run_of(full) for full in found.fulls), keep)
    gone = [full.label for full in found.fulls if full not in reached and run_of(full) not in kept]
    gone += [
        backup.label for backup in found.backups
        if backup.kind != "full" and backup.stop <= since and backup.label.split("_")[0] not in gone
    ]  # fmt: skip
    return Expiry(gone, len(reached))


def forgotten(snapshots: Sequence[Snapshot], keep: Keep) -> list[str]:
    """Return the ids of the snapshots that go: of those that runs have made, whoever's they are."""
    ours = [one for one in snapshots if moment.POINT.fullmatch(one.tag("point"))]
    if not ours:
        return []
    since = max(moment.time_of(one.tag("point")) for one in ours) - timedelta(days=keep.days)
    fulls = {moment.time_of(stamp) for one in ours if moment.POINT.fullmatch(stamp := one.tag("full"))}
    kept = chosen(fulls, keep)
    return [
        one.id for one in ours
        if moment.time_of(one.tag("point")) < since
        and not (moment.POINT.fullmatch(stamp := one.tag("full")) and moment.time_of(stamp) in kept)
    ]  # fmt: skip
