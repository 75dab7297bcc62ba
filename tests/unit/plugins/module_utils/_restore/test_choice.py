# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which moment a person means, where its data is, and which release suits it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Place, Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._restore import choice

NOW = datetime(2026, 11, 26, 16, 0, tzinfo=timezone.utc)
POINTS = [
    Point(name, "shop", "0006-abc", "0003", places=[Place(1, "f00")])
    for name in ("20261125T140000Z", "20261125T143000Z-before-0007-abc1234", "20261125T150000Z")
]
SHOP = AppData("shop", "shop", "shop", folders=["/srv/shop/shared/uploads"])
FILES = AppData("files", "files", folders=["/srv/files/shared/uploads"])


@pytest.mark.parametrize(
    ("to", "before", "moment", "point", "carries"),
    [
        ("latest", "", "latest", "20261125T150000Z", True),
        ("2026-11-25 14:05", "", "2026-11-25 14:05 UTC", "20261125T140000Z", True),
        ("2026-11-25 16:05+02:00", "", "2026-11-25 14:05 UTC", "20261125T140000Z", True),
        ("20261125T140000Z", "", "20261125T140000Z", "20261125T140000Z", False),
        ("", "0007-abc1234", "20261125T143000Z-before-0007-abc1234", "20261125T143000Z-before-0007-abc1234", False),
        ("", "7", "20261125T143000Z-before-0007-abc1234", "20261125T143000Z-before-0007-abc1234", False),
        ("2026-11-25 13:59", "", "2026-11-25 13:59 UTC", "", False),
    ],
)  # fmt: skip
def test_folders_come_from_the_newest_point_that_is_not_newer_than_the_moment(
    to: str, before: str, moment: str, point: str, carries: bool
) -> None:
    found = choice.choose(POINTS, SHOP, to, before, NOW)
    assert (str(found.moment), found.point.name if found.point else "", found.carries) == (moment, point, carries)


@pytest.mark.parametrize(
    ("app", "to", "before", "said"),
    [
        (SHOP, "", "", r"choose the time: -e to=latest, -e to='2026-11-25 14:05' \(UTC, or with an offset\)"),
        (SHOP, "latest", "7", "pass either to or before, not both"),
        (SHOP, "yesterday", "", "'yesterday' is not a valid time"),
        (SHOP, "2027-01-01", "", "is in the future"),
        (SHOP, "20261125T140001Z", "", "shop has no restore point '20261125T140001Z'; the newest are 20261125T140000Z, "),
        (SHOP, "", "0008-abc", "no restore point before the migration of release '0008-abc'; there is one before: 0007-abc1234"),
        (FILES, "2026-11-25 13:59", "", "no restore point of files is as old as 2026-11-25 13:59 UTC"),
    ],
)  # fmt: skip
def test_a_moment_that_nobody_can_go_back_to_is_refused_with_what_there_is(
    app: AppData, to: str, before: str, said: str
) -> None:
    with pytest.raises(BackupError, match=said):
        choice.choose(POINTS, app, to, before, NOW)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A host whose release 0003 serves at head c; 0001 and 0002 were made for a and b."""
    paths = Paths("shop", tmp_path / "srv/shop", tmp_path / "etc/shop")
    for number, head in (("0001-a", "a"), ("0002-b", "b"), ("0003-c", "c"), ("0004-d", "d")):
        record = Record(number, "shop", "abc", "f", heads_after=[head], outcome="deployed" if head != "d" else "failed")
        paths.release(number).mkdir(parents=True)
        record.write(paths.release(number) / "release.json")
    paths.current.symlink_to("releases/0003-c")
    return paths


@pytest.mark.parametrize(
    ("heads", "keep", "release"),
    [(["c"], False, "0003-c"), (None, False, "0003-c"), (["b"], False, "0002-b"), (["z"], True, "0003-c")],
)
def test_the_newest_release_that_was_made_for_the_data_serves_it(
    paths: Paths, heads: Any, keep: bool, release: str
) -> None:
    assert choice.release_for(paths, heads, "2026-11-25 14:05 UTC", keep).id == release


@pytest.mark.parametrize("heads", [["z"], ["d"], []])
def test_data_that_no_release_was_made_for_is_refused_with_the_ways_on(paths: Paths, heads: list[str]) -> None:
    with pytest.raises(ReleaseError) as caught:
        choice.release_for(paths, heads, "2026-11-25 14:05 UTC", False)
    said = str(caught.value)
    assert f"is at migration head {', '.join(heads) or 'base'}, and no release on the host was made for it" in said
    assert "0003-c (c), 0002-b (b), 0001-a (a)" in said
    assert "-e restore_schema=keep" in said and "deploy.yml -e app=shop" in said


def test_what_head_the_data_was_at_is_known_from_the_history(paths: Paths) -> None:
    paths.history.write_text(
        '{"id": "0001-a", "outcome": "deployed", "ended": "2026-11-25T10:00:00Z", "heads_after": ["a"]}\n'
        '{"id": "0002-b", "outcome": "failed", "ended": "2026-11-25T12:00:00Z", "heads_after": ["b"]}\n'
        '{"id": "0002-b", "outcome": "deployed", "ended": "2026-11-25T14:30:00Z", "heads_after": ["b"]}\n'
    )
    before = choice.choose(POINTS, SHOP, "2026-11-25 14:05", "", NOW)
    after = choice.choose(POINTS, SHOP, "2026-11-25 14:35", "", NOW)
    named = choice.choose(POINTS, SHOP, "20261125T140000Z", "", NOW)
    assert [choice.expected_heads(paths, one) for one in (before, after, named)] == [["a"], ["b"], ["0003"]]


@pytest.mark.parametrize("to", ["latest", "2026-11-26 15:59"])
def test_a_database_in_mariadb_comes_back_as_of_a_restore_point_and_its_files_with_it(to: str) -> None:
    found = choice.choose(POINTS, AppData("shop", "shop", mariadb="shop"), to, "", NOW)
    assert (found.said, found.time, found.carries) == (POINTS[-1].name, POINTS[-1].time, False)
