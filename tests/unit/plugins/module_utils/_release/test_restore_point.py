# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The restore point before a migration: what is kept of it, what a deploy says, and what a rollback offers."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._release import restore_point
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.restore_point import Made

POINT = "20261126T140500Z-before-0007-abc1234"


def record(release: str, point: str = "") -> Record:
    return Record(release, "shop", "abc1234", "", restore_point=point)


def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, database: str = "shop") -> None:
    """Make a host with backups whose program is PROGRAM, lines of shell."""
    (tmp_path / "slipway-backup").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "slipway-backup").chmod(0o755)
    (tmp_path / "backup.json").write_text(json.dumps({"apps": [{"name": "shop", "database": database}]}))
    monkeypatch.setattr(places, "PROGRAM", tmp_path / "slipway-backup")
    monkeypatch.setattr(places, "SETTINGS", tmp_path / "backup.json")


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        (f"""echo '{{"point": "{POINT}"}}'; echo '{{"problems": []}}'""", Made(POINT)),
        (f"""echo '{{"point": "{POINT}"}}'; echo '{{"problems": ["no bucket"]}}'""", Made(POINT, ("no bucket",))),
        # It was killed after the database had its part: the point counts, and that it is not whole is told.
        (f"""echo '{{"point": "{POINT}"}}'; kill -9 $$""", Made(POINT, ("it gave no reason",))),
        ("echo PostgreSQL is down >&2; exit 1", Made("", ("PostgreSQL is down",))),
    ],
)
def test_what_the_hosts_program_says_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, wanted: Made
) -> None:
    host(tmp_path, monkeypatch, program)
    assert restore_point.make("shop", "0007-abc1234") == wanted


def test_a_program_that_hangs_does_not_hold_up_the_deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host(tmp_path, monkeypatch, f"""echo '{{"point": "{POINT}"}}'; touch {tmp_path}/said; exec sleep 100""")
    communicate = subprocess.Popen.communicate

    def once_it_has_said_so(process: Any, *given: Any, **more: Any) -> Any:
        while not (tmp_path / "said").exists():
            time.sleep(0.01)
        return communicate(process, *given, **more)

    monkeypatch.setattr(subprocess.Popen, "communicate", once_it_has_said_so)
    monkeypatch.setattr(restore_point, "SECONDS", 0.3)
    assert restore_point.make("shop", "0007") == Made(POINT, ("it took longer than 0.3 s",))


def test_a_point_stands_in_for_a_dump_only_of_a_database_that_is_backed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SETTINGS", tmp_path / "none.json")
    assert (restore_point.is_kept("shop"), restore_point.make("shop", "0007")) == (False, None)
    host(tmp_path, monkeypatch, "true")
    assert (restore_point.is_kept("shop"), restore_point.is_kept("blog")) == (True, False)
    host(tmp_path, monkeypatch, "true", database="")
    assert not restore_point.is_kept("shop")


@pytest.mark.parametrize(
    ("made", "needed", "notes"),
    [
        (None, True, []),
        (Made(POINT), True, [f"restore point {POINT} was made before the migration"]),
        (
            Made(POINT, ("full",)),
            True,
            [f"restore point {POINT} was made before the migration", "it is not complete: full"],
        ),
        (Made("", ("full",)), False, ["there is no restore point before the migration: full"]),
    ],
)
def test_a_deploy_says_which_point_it_made(
    monkeypatch: pytest.MonkeyPatch, made: Made | None, needed: bool, notes: list[str]
) -> None:
    monkeypatch.setattr(restore_point, "make", lambda app, release: made)
    own = record("0007-abc1234")
    assert restore_point.before_migration("shop", own, needed) == notes
    assert own.restore_point == (made.name if made else "")


def test_nothing_is_destroyed_without_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_point, "make", lambda app, release: Made("", ("the server is down",)))
    with pytest.raises(ReleaseError, match="could not be made: the server is down\nNothing was run"):
        restore_point.before_migration("shop", record("0007"), True)


def test_a_rollback_names_the_point_before_the_first_migration_that_it_goes_back_over() -> None:
    newer = [record("0009-d", POINT.replace("0007-abc1234", "0009-d")), record("0007-abc1234", POINT), record("0006-b")]
    said = restore_point.way_back("shop", "0005-a", newer)
    assert f"-e app=shop -e to={POINT}" in said
    assert "everything written since 2026-11-26 14:05 UTC" in said
    assert "before release 0009-d migrated" in restore_point.way_back("shop", "0007-abc1234", newer)
    assert restore_point.way_back("shop", "0009-d", newer) == ""
