# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Restore points, read from the snapshots of several targets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import points
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Place, Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Keep

T1, T2 = "20261125T140500Z", "20261126T140500Z"
WHEN = datetime(2026, 11, 26, tzinfo=timezone.utc)
POINT = Point(T2, "shop", "0003-abc1234", "0007,0008", "timer", T2, 1000, 20)


def snapshot(number: str, *tags: str) -> Snapshot:
    return Snapshot(number, WHEN, ("/srv/shop/shared",), tags)


def test_a_point_at_several_targets_is_one_with_all_its_places() -> None:
    found = points.merged(
        {
            1: [snapshot("b", *points.tags(POINT, "2F")), snapshot("h", points.HOST, f"point:{T2}", "seconds:2.5")],
            2: [snapshot("c", *points.tags(POINT)), snapshot("a", "app:shop", f"point:{T1}")],
        }
    )
    assert found == [
        Point(T1, "shop", places=[Place(2, "a")]),
        Point(T2, "shop", "0003-abc1234", "0007+0008", "timer", T2, 1000, 20, 2.5, [Place(1, "b", "2F"), Place(2, "c")]),
    ]  # fmt: skip


def test_what_others_saved_in_the_repository_is_no_point() -> None:
    foreign = [snapshot("x"), snapshot("y", "app:shop"), snapshot("z", "app:shop", "point:mine")]
    assert points.merged({1: foreign}) == []


def test_a_point_that_wal_does_not_reach_comes_back_as_the_backup_that_was_made_with_it() -> None:
    point = Point(T2, "shop", places=[Place(1, "b", "2F"), Place(2, "c")])
    young, old = point.time + timedelta(days=7), point.time + timedelta(days=7, seconds=1)
    assert point.moment(Keep(days=7), at=young) == Moment(point=T2)
    assert point.moment(Keep(days=7), at=old) == Moment(point=T2, backup="2F")
    with pytest.raises(BackupError, match="not at target 3"):
        point.place(3)
