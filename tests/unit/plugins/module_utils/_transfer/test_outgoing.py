# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A folder on its way out: a tar with whole databases, whatever else lies in it."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._transfer import outgoing, unpack


def packed(folder: Path, tmp_path: Path) -> tuple[bytes, list[str]]:
    copies, output = tmp_path / "copies", io.BytesIO()
    copies.mkdir()
    notes = outgoing.write(folder, copies, output)
    assert not list(copies.iterdir())
    return output.getvalue(), notes


def test_files_links_and_folders_come_back_as_they_were(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    (folder / "d/e").mkdir(parents=True)
    (folder / "d/a.bin").write_bytes(bytes(range(256)) * 40)
    (folder / "l").symlink_to("d/a.bin")
    (folder / "dl").symlink_to("d")
    os.mkfifo(folder / "pipe")
    content, notes = packed(folder, tmp_path)
    (tmp_path / "a.tar").write_bytes(content)
    unpack.unpack(tmp_path / "a.tar", tmp_path / "new", "uploads", os.getuid(), os.getgid(), lambda octets: None)
    assert notes == []
    assert (tmp_path / "new/l").read_bytes() == bytes(range(256)) * 40
    assert os.readlink(tmp_path / "new/dl") == "d" and (tmp_path / "new/d/e").is_dir()
    assert not (tmp_path / "new/pipe").exists()


def test_a_link_that_leads_out_is_told_once_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").write_text("secret")
    (tmp_path / "uploads/out").symlink_to(tmp_path / "elsewhere")
    content, notes = packed(tmp_path / "uploads", tmp_path)
    assert notes == [f"the link out was left out: it leads out of the folder, to {tmp_path}/elsewhere"]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.getnames() == []


def test_a_database_that_is_written_to_comes_as_a_whole_copy_without_the_files_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "app.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (i)")
        database.execute("INSERT INTO t VALUES (1)")
        assert (folder / "app.db-wal").exists()
        content, _ = packed(folder, tmp_path)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.getnames() == ["app.db"]
        tar.extractall(tmp_path / "new", filter="data")
    with closing(sqlite3.connect(tmp_path / "new/app.db")) as copy:
        assert copy.execute("SELECT i FROM t").fetchall() == [(1,)]


def test_a_file_that_is_cut_off_meanwhile_is_filled_up() -> None:
    whole = outgoing._Whole(io.BytesIO(b"12"), 5)
    assert [whole.read(4), whole.read(4)] == [b"12\0\0", b"\0"]
