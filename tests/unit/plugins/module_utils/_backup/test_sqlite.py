# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SQLite's files among uploads: found whatever they are called, and copied whole while somebody writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import sqlite
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError


def database(path: Path, rows: int = 1) -> sqlite3.Connection:
    made = sqlite3.connect(path)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("CREATE TABLE entry (id INTEGER)")
    made.executemany("INSERT INTO entry VALUES (?)", [(number,) for number in range(rows)])
    made.commit()
    return made


def test_databases_are_found_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with closing(database(tmp_path / "deep/data.bin")):
        (tmp_path / "photo.db").write_bytes(b"x" * 4096)
        (tmp_path / "empty.sqlite").write_bytes(b"")
        (tmp_path / "link.db").symlink_to(tmp_path / "deep/data.bin")
        (tmp_path / "loop").symlink_to(tmp_path)
        found = sqlite.look([tmp_path, tmp_path / "absent"])
    assert found.databases == [tmp_path / "deep/data.bin"]
    assert found.files >= 3
    assert found.size >= 4096 + 4096


def test_a_copy_has_what_is_only_in_the_log_and_nothing_that_was_not_committed(tmp_path: Path) -> None:
    with closing(database(tmp_path / "app.db", 100)) as writer:
        writer.execute("INSERT INTO entry VALUES (1000)")  # not committed
        sqlite.copy(tmp_path / "app.db", tmp_path / "staged/app.db")
    with closing(sqlite3.connect(tmp_path / "staged/app.db")) as copied:
        assert copied.execute("SELECT count(*), max(id) FROM entry").fetchone() == (100, 99)
        assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [path.name for path in (tmp_path / "staged").iterdir()] == ["app.db"]


def test_a_damaged_database_is_named_and_leaves_no_half_copy(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(sqlite.MAGIC + b"\xff" * 4080)
    with pytest.raises(BackupError, match=r"bad\.db can't be copied"):
        sqlite.copy(tmp_path / "bad.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
