# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A drill of a database in MariaDB: what a restore point says of it must come back."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    drill_mariadb,
    mariadb,
    mariadb_tables,
    moment,
    places,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.database import Database
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_mariadb import Content, differences, missing
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.snapshots import Snapshot

SHOP = AppData("shop", "shop", mariadb="shop")
TOLD: dict[str, Any] = {"mariadb": {"tables": ["orders", "visits"], "rows": {"orders": 3}, "head": "0002"}}
CASES = {
    "all is there": (TOLD, Content({"orders": 3, "visits": 8}, "0002"), []),
    "a table that was written to meanwhile may have any number of rows": (
        TOLD,
        Content({"orders": 3, "visits": 0}, "0002"),
        [],
    ),
    "rows are lost": (
        TOLD,
        Content({"orders": 2, "visits": 8}, "0002"),
        ["its table orders has 2 rows, and had 3 when"],
    ),
    "a table is lost": (TOLD, Content({"orders": 3}, "0002"), ["is missing 1 of 2 tables: visits"]),
    "another migration": (
        TOLD,
        Content({"orders": 3, "visits": 8}, "0001"),
        ["is at migration 0001, its restore point at 0002"],
    ),
    "a migration ran meanwhile": (
        {"mariadb": {"tables": ["orders"], "rows": {}}},
        Content({"orders": 3, "new": 0}, "0003"),
        [],
    ),
    "a restore point of an older version": ({"head": "0002"}, Content({"orders": 3}, "0002"), []),
    "a manifest that makes no sense": ({"mariadb": "x"}, Content({"orders": 3}, "0002"), []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_restore_point_says_is_held_against_what_came_back(case: str) -> None:
    told, found, wanted = CASES[case]
    problems = [*differences(told, found)]
    assert len(problems) == len(wanted)
    assert all(part in problem for part, problem in zip(wanted, problems, strict=True))


def test_what_a_hostile_table_is_called_can_not_move_the_cursor() -> None:
    (told,) = differences({"mariadb": {"tables": ["\x1b[2J"], "rows": {}}}, Content())
    assert "\x1b" not in told


def test_a_table_that_is_older_than_the_restore_point_must_be_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    monkeypatch.setattr(mariadb_tables, "sql", lambda text: asked.append(text) or [["orders"], ["lost"]])
    assert [*missing(SHOP, Content({"orders": 1}), {}, 1000.0)] == [
        "the restored database is missing 1 of the live one's tables: lost"
    ]
    assert f"FROM_UNIXTIME({1000 - drill_mariadb.SURE_SECONDS})" in asked[0]


def test_no_backup_waits_while_a_dump_is_loaded_however_long_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = Snapshot("1", moment.now(), (), ("app:shop", "point:20261126T120000Z"))
    restic = MagicMock(snapshots=lambda: [snapshot])
    monkeypatch.setattr(places, "STATE", tmp_path / "state")
    monkeypatch.setattr(drill_mariadb, "Restic", lambda *_: restic)
    monkeypatch.setattr(drill_mariadb, "Scratch", lambda _: nullcontext(MagicMock(folder=tmp_path)))
    monkeypatch.setattr(drill_mariadb, "content", lambda *_: Content({"orders": 3}))
    monkeypatch.setattr(drill_mariadb, "missing", lambda *_: iter(()))
    held = list[bool]()

    def look(*_: Any) -> None:
        try:
            with state.alone(wait=False):
                held.append(False)
        except state.Busy:
            held.append(True)

    monkeypatch.setattr(mariadb, "fetch", look)
    monkeypatch.setattr(drill_mariadb.Dumps, "_load", look)
    problems = list[str]()
    settings = Settings("web1", [Target("path", "/mnt")], "secret", apps=[SHOP])
    found = drill_mariadb.Dumps(settings, lambda _: None, problems).drill(1)
    assert (list(found), problems, held) == (["shop"], [], [True, False])


COUNTED = {
    "nobody writes": ({"a": ("", True)}, {"a": ("", True)}, {"a": 4}),
    "changed long ago": ({"a": ("12:00:00", True)}, {"a": ("12:00:00", True)}, {"a": 4}),
    "changed a moment ago": ({"a": ("12:00:00", False)}, {"a": ("12:00:00", True)}, {}),
    "changed meanwhile": ({"a": ("12:00:00", True)}, {"a": ("12:00:09", False)}, {}),
    "changed for the first time": ({"a": ("", True)}, {"a": ("12:00:09", False)}, {}),
    "dropped meanwhile": ({"a": ("", True)}, {}, {}),
}


@pytest.mark.parametrize("case", COUNTED)
def test_rows_are_only_known_of_tables_that_nobody_wrote_to_while_they_were_dumped(
    case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, after, rows = COUNTED[case]
    states = iter([before, after])
    monkeypatch.setattr(mariadb, "_changed", lambda app: next(states))
    monkeypatch.setattr(mariadb, "look", lambda app: Database(100, "0002"))
    monkeypatch.setattr(mariadb, "counts", lambda name, size, user: {"a": 4})
    monkeypatch.setattr(mariadb, "dump", lambda app, folder: folder)
    found = mariadb.stage(SHOP, tmp_path)
    assert found == {"tables": sorted(set(before) & set(after)), "rows": rows, "head": "0002"}


def test_a_backup_does_not_fail_because_counting_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def counts(name: str, size: int, user: str) -> dict[str, int]:
        raise BackupError("mariadb didn't end within 60 s")

    heads = iter(["0001", "0002"])
    monkeypatch.setattr(mariadb, "_changed", lambda app: {"a": ("", True)})
    monkeypatch.setattr(mariadb, "look", lambda app: Database(100, next(heads)))
    monkeypatch.setattr(mariadb, "counts", counts)
    monkeypatch.setattr(mariadb, "dump", lambda app, folder: folder)
    assert mariadb.stage(SHOP, tmp_path) == {"tables": ["a"], "rows": {}}  # and a migration ran, so no head is known
