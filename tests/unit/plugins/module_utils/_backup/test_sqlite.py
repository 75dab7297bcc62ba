# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SQLite's files among uploads: found whatever they are called, and copied whole while somebody writes."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import restic, sqlite, sqlite_worker


def database(path: Path, rows: int = 1) -> sqlite3.Connection:
    made = sqlite3.connect(path)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("CREATE TABLE entry (id INTEGER)")
    made.executemany("INSERT INTO entry VALUES (?)", [(number,) for number in range(rows)])
    made.commit()
    return made


ME = pwd.getpwuid(os.geteuid()).pw_name
PAGE = 4096


def copied(tmp_path: Path, *databases: Path) -> Path:
    """Copy DATABASES as the user who runs the tests, and return the folder that they are copied into."""
    into = tmp_path / "staged"
    sqlite.copy({path: path.stat().st_size for path in databases}, into, ME)
    return into


def test_databases_are_found_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    os.mkfifo(tmp_path / "pipe.db")
    with closing(database(tmp_path / "deep/data.bin")):
        (tmp_path / "photo.db").write_bytes(b"x" * PAGE)
        (tmp_path / "empty.sqlite").write_bytes(b"")
        (tmp_path / "link.db").symlink_to(tmp_path / "deep/data.bin")
        (tmp_path / "loop").symlink_to(tmp_path)
        found = sqlite.look([tmp_path, tmp_path / "absent"], ME)
        size = (tmp_path / "deep/data.bin").stat().st_size
    assert found.databases == {tmp_path / "deep/data.bin": size}
    assert found.files >= 3
    assert found.size >= PAGE + PAGE


def test_a_copy_has_what_is_only_in_the_log_and_nothing_that_was_not_committed(tmp_path: Path) -> None:
    source = tmp_path / "app.db"
    with closing(database(source, 100)) as writer:
        writer.execute("INSERT INTO entry VALUES (1000)")  # not committed
        target = copied(tmp_path, source) / str(source).lstrip("/")
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*), max(id) FROM entry").fetchone() == (100, 99)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [path.name for path in target.parent.iterdir()] == ["app.db"]
    assert target.stat().st_mode == source.stat().st_mode


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(sqlite_worker.MAGIC + b"\xff" * 4080)
    with closing(database(tmp_path / "good.db")):
        pass
    files = {path: path.stat().st_size for path in (tmp_path / "bad.db", tmp_path / "good.db")}
    assert sqlite.copy(files, tmp_path / "staged", ME) == {tmp_path / "bad.db": "file is not a database"}
    assert [path.name for path in (tmp_path / "staged").rglob("*.db")] == ["good.db"], (
        "the others are copied all the same"
    )


def test_a_name_that_is_no_text_is_copied_like_any(tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"caf\xe9.db")
    with closing(database(source)):
        pass
    assert (copied(tmp_path, source) / str(source).lstrip("/")).exists()


def test_copies_that_have_no_room_are_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=sqlite.RESERVE_BYTES + PAGE))
    with closing(database(tmp_path / "app.db")):
        pass
    failed = sqlite.copy({tmp_path / "app.db": PAGE + 1}, tmp_path / "staged", ME)
    assert re.search(r"need 0 MB in .*, where 0 MB may be used", failed[tmp_path / "app.db"])
    assert not (tmp_path / "staged").exists()


def test_a_file_that_is_nearly_nothing_but_a_size_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    with (tmp_path / "hole.db").open("wb") as file:
        file.write(sqlite_worker.MAGIC)
        file.truncate(sqlite_worker.HOLLOW_BYTES)
    found = sqlite.look([tmp_path], ME)
    assert (found.files, found.size, found.databases) == (1, 1, {})
    assert found.hollow == {tmp_path / "hole.db": sqlite_worker.HOLLOW_BYTES}


# ---- what an app that somebody else has taken over may leave there ------------------------------------------------


def checksum(page: bytes) -> int:
    """Return what SQLite writes behind a page in its journal, with a nonce of 0."""
    return sum(page[at] for at in range(len(page) - 200, 0, -200)) & 0xFFFFFFFF


def journal_that_names(file: Path, page: bytes, pages: int) -> bytes:
    """Return a journal that is finished when the database is opened: FILE, its super-journal, is removed then.

    Source: https://www.sqlite.org/fileformat.html#the_rollback_journal and pager_delsuper of SQLite's pager.c.
    """
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(file).encode()
    header = (magic + struct.pack(">IIIII", 1, 0, pages, 512, PAGE)).ljust(512, b"\0")
    saved = struct.pack(">I", 1) + page + struct.pack(">I", checksum(page))
    lock_page = 0x40000000 // PAGE + 1
    return header + saved + struct.pack(">I", lock_page) + name + struct.pack(">II", len(name), sum(name)) + magic


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user than root")
def test_a_journal_that_names_another_file_removes_nothing_that_the_app_could_not(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="slipway-test-"))
    try:
        folder.chmod(0o711)
        mine, victim, source = folder / "app", folder / "roots", folder / "app/app.db"
        mine.mkdir()
        with closing(sqlite3.connect(source)) as made:
            made.execute("CREATE TABLE entry (id INTEGER)")
            made.commit()
        whole = source.read_bytes()
        victim.write_text("root's")
        journal = source.with_name("app.db-journal")
        journal.write_bytes(journal_that_names(victim, whole[:PAGE], len(whole) // PAGE))
        nobody = pwd.getpwnam("nobody")
        for path in (mine, source, journal):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        failed = sqlite.copy({source: len(whole)}, folder / "staged", "nobody")
        assert "disk I/O error" in failed[source]  # SQLite has tried to remove it
        assert victim.read_text() == "root's"
    finally:
        shutil.rmtree(folder)


def test_files_are_left_out_of_a_snapshot_by_patterns_that_mean_themselves() -> None:
    assert [restic.exclusion(path) for path in ("/a/[x]*.db", "/a/$HOME", "/a/#1", "/a/two\nlines", "/a/end ")] == [
        "/a/\\[x]\\*.db\n", "/a/$$HOME\n", "/a/#1\n", "", "",
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user than root")
def test_a_database_of_another_user_is_neither_found_nor_copied_through_a_link(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="slipway-test-"))
    try:
        folder.chmod(0o711)
        with closing(database(folder / "other.db")):
            pass
        (folder / "other.db").chmod(0o600)
        (folder / "app").mkdir()
        (folder / "app/link.db").symlink_to(folder / "other.db")
        assert sqlite.look([folder / "app"], "nobody").databases == {}
        failed = sqlite.copy({folder / "app/link.db": PAGE}, folder / "staged", "nobody")
        assert failed[folder / "app/link.db"].startswith("unable to open")  # it became one meanwhile
    finally:
        shutil.rmtree(folder)


def test_an_answer_that_names_what_is_outside_of_the_apps_folders_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [["/etc/shadow", 1], [f"{tmp_path}/../x.db", 1], [f"{tmp_path}/a.db", 4096]]
    said = json.dumps({"files": 3, "size": 9, "databases": rows, "hollow": rows})
    monkeypatch.setattr(sqlite, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said, ""))
    found = sqlite.look([tmp_path], ME)
    assert found.databases == found.hollow == {tmp_path / "a.db": 4096}
