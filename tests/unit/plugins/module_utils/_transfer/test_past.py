# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database as it was: from which backups it comes, and what is said when none has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._transfer import past, spool
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

AT = "2026-11-25 14:05:30"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two targets, the first of which may be broken; what is restored is written down."""
    data = SimpleNamespace(name="shop", database="shop", mariadb="")
    targets = [SimpleNamespace(name="/mnt/first"), SimpleNamespace(name="/mnt/second")]
    found = SimpleNamespace(
        settings=SimpleNamespace(targets=targets, cluster="", app=lambda app: data if app == "shop" else None),
        broken=set[int](), asked=[], archived=0,
    )  # fmt: skip

    class Scratch:
        def __init__(self, settings: Any, to: Moment, databases: Sequence[str], target: int) -> None:
            found.asked.append((to.time, list(databases), target))
            self.target = target

        def __enter__(self) -> Scratch:
            if self.target in found.broken:
                raise BackupError("no such backup")
            return self

        def __exit__(self, *_: Any) -> None:
            """It goes."""

        def dump(self, database: str, path: Path) -> None:
            path.write_bytes(b"PGDMP" + database.encode())

    def archived(cluster: Any) -> bool:
        found.archived += 1
        return True

    monkeypatch.setattr(past, "Scratch", Scratch)
    monkeypatch.setattr(past.backup_settings, "read", lambda: found.settings)
    monkeypatch.setattr(past.points, "points", lambda settings, app: [])
    monkeypatch.setattr(past, "live", lambda settings, data: {"bytes": 800})
    monkeypatch.setattr(past.swap, "cluster_of", lambda wanted: None)
    monkeypatch.setattr(past.database, "archive_now", archived)
    monkeypatch.setattr(past.places, "FOLDER", tmp_path)
    monkeypatch.setattr(past.places, "need", lambda *_: None)
    return found


def exported(tmp_path: Path, at: str = AT) -> tuple[spool.Spool, bytes]:
    export = past.Past("shop", "shop", "unused", at=at)
    folder, copies = tmp_path / "spool", tmp_path / "copies"
    for one in (folder, copies):
        one.mkdir()
    into = spool.Spool(folder)
    export.write(export.look(), into, copies)
    assert list(copies.iterdir()) == []
    return into, (folder / "000001").read_bytes()


def test_the_dump_is_called_by_its_moment_and_says_where_it_is_from(host: SimpleNamespace, tmp_path: Path) -> None:
    found = past.Past("shop", "shop", "unused", at=AT).look()
    assert (found.dump, found.octets, found.tars) == ("shop-20261125T140530Z.dump", 800, {})
    into, content = exported(tmp_path)
    assert content == b"PGDMPshop"
    assert host.asked == [(datetime(2026, 11, 25, 14, 5, 30, tzinfo=timezone.utc), ["shop"], 1)]
    assert into.state.notes == ["the database is as of 2026-11-25 14:05:30 UTC, from /mnt/first"]
    assert host.archived == 0


def test_the_latest_is_archived_first(host: SimpleNamespace, tmp_path: Path) -> None:
    exported(tmp_path, "latest")
    assert host.archived == 1
    assert host.asked[0][0] is None


def test_a_target_that_lacks_it_is_told_and_the_next_one_asked(host: SimpleNamespace, tmp_path: Path) -> None:
    host.broken = {1}
    into, _ = exported(tmp_path)
    assert into.state.notes[0].endswith("from /mnt/second")
    assert into.state.notes[1] == "not used: /mnt/first: no such backup"


def test_where_nobody_has_it_each_reason_is_told(host: SimpleNamespace, tmp_path: Path) -> None:
    host.broken = {1, 2}
    with pytest.raises(DumpError, match=r"/mnt/first: no such backup; /mnt/second: no such backup"):
        exported(tmp_path)


@pytest.mark.parametrize(
    ("app", "at", "settings", "said"),
    [
        ("shop", AT, False, "nothing is backed up on this host"),
        ("wiki", AT, True, "the backups of this host have no PostgreSQL database of wiki"),
        ("shop", "yesterday", True, "'yesterday' is not a valid time"),
        ("shop", "2999-01-01", True, "is in the future"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_restored(
    host: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, app: str, at: str, settings: bool, said: str
) -> None:
    if not settings:
        monkeypatch.setattr(past.backup_settings, "read", lambda: None)
    with pytest.raises(DumpError, match=said):
        past.Past(app, app, "unused", at=at).look()
    assert host.asked == []


def test_a_long_restore_is_known_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BEAT_SECONDS", 0.01)
    into = spool.Spool(tmp_path)
    with into.alive():
        while json.loads((tmp_path / "state.json").read_text())["beats"] < 2:
            pass
    beats = into.state.beats
    (tmp_path / "state.json").unlink()
    tmp_path.rename(tmp_path.with_name("gone"))
    with into.alive():  # the controller has given up
        while into.state.beats < beats + 2:
            pass
