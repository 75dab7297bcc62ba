# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is kept for days, weeks and months, of the cluster's backups and of the snapshots that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import moment, retention
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import Backup, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Keep

START = datetime(2026, 1, 4, 3, 0, tzinfo=timezone.utc)  # a Sunday
DAY = timedelta(days=1)


def repository(days: int) -> Repository:
    """Return what DAYS of a full backup on Sundays and a differential one on the other days make."""
    backups, full = [], ""
    for number in range(days):
        time = START + number * DAY
        if number % 7 == 0:
            full = label = f"{time:%Y%m%d}F"
        else:
            label = f"{full}_{time:%Y%m%d}D"
        kind = "full" if label.endswith("F") else "diff"
        notes = {retention.RUN: moment.name(time)}
        backups.append(Backup(label, kind, time, time + timedelta(minutes=1), 1, 1, annotations=notes))
    return Repository(1, backups)


def snapshots(days: int) -> list[Snapshot]:
    """Return what the same runs save of an app, two minutes after they began."""
    found = []
    for number in range(days):
        time = START + number * DAY
        tags = ["app:shop", f"point:{moment.name(time + timedelta(minutes=2))}"]
        tags += [f"full:{moment.name(time)}"] if number % 7 == 0 else []
        found.append(Snapshot(f"{time:%Y%m%d}", time, (), tuple(tags)))
    return found


def left_of(found: Repository, gone: retention.Expiry) -> list[Backup]:
    """Return what is left: with a full backup goes what builds on it."""
    return [one for one in found.backups if not {one.label, one.label.partition("_")[0]} & set(gone.labels)]


def days_of(names: Sequence[str]) -> list[str]:
    return sorted(name[-10:].strip("FD_")[-8:] for name in names)


@pytest.mark.parametrize("age", [8, 30, 100, 400])
@pytest.mark.parametrize("keep", [Keep(7, 4, 6), Keep(14, 0, 0), Keep(1, 2, 0), Keep(30, 0, 12)])
def test_both_halves_of_a_point_stay_and_time_travel_reaches_back_for_all_days(age: int, keep: Keep) -> None:
    found, saved = repository(age), snapshots(age)
    gone, forgotten = retention.expiry(found, keep), retention.forgotten(saved, keep)
    assert gone is not None
    left = left_of(found, gone)
    kept = [one for one in saved if one.id not in forgotten]
    since = found.backups[-1].stop - keep.days * DAY
    # The days begin with a full backup, and all WAL since then is there.
    first = [full for full in found.fulls if full in left][-gone.fulls]
    assert first.stop <= since or first == found.fulls[0]
    # Each snapshot is within the days, or has the full backup of its own run.
    fulls = {backup.label[:8] for backup in left if backup.kind == "full"}
    lonely = [one.id for one in kept if one.time < since and one.id not in fulls]
    assert [one for one in lonely if datetime.strptime(one, "%Y%m%d").replace(tzinfo=timezone.utc) < since - DAY] == []


def test_after_a_year_there_are_all_days_then_a_week_each_then_a_month_each() -> None:
    found, keep = repository(400), Keep(7, 4, 6)
    gone = retention.expiry(found, keep)
    assert gone is not None
    left = left_of(found, gone)
    assert days_of([one.label for one in left if one.kind == "full"]) == [
        "20260927", "20261025", "20261129", "20261227", "20270117", "20270124", "20270131", "20270207",
    ]  # fmt: skip
    assert gone.fulls == 2
    forgotten = retention.forgotten(snapshots(400), keep)
    kept = [one.id for one in snapshots(400) if one.id not in forgotten]
    assert kept[-8:] == [f"{START + number * DAY:%Y%m%d}" for number in range(392, 400)]
    assert set(kept[:-8]) <= set(days_of([one.label for one in left if one.kind == "full"]))


def test_a_host_whose_backups_fail_keeps_what_it_has() -> None:
    assert retention.expiry(repository(0), Keep()) is None
    only = retention.expiry(repository(3), Keep(1, 0, 0))
    assert only == retention.Expiry(["20260104F_20260105D"], 1)
    assert retention.forgotten([], Keep()) == []


def test_what_others_saved_in_the_repository_is_never_forgotten() -> None:
    foreign = Snapshot("mine", START - 1000 * DAY, (), ("app:shop",))
    assert retention.forgotten([foreign, *snapshots(30)], Keep(1, 0, 0))[:1] != ["mine"]
    assert "mine" not in retention.forgotten([foreign, *snapshots(30)], Keep(1, 0, 0))
