# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What somebody names on the command line, before anything is sent."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._action import brought

DUMPS = {
    "nothing": (None, "there is no"),
    "an empty file": (b"", "it is empty"),
    "an SQLite database": (b"SQLite format 3\0", "-e folder="),
    "MySQL's": (b"-- MySQL dump 10.13", "MySQL"),
    "a zip": (b"PK\x03\x04", "unpack it first"),
}


@pytest.mark.parametrize("name", DUMPS)
def test_what_is_no_dump_is_named_before_it_is_sent(tmp_path: Path, name: str) -> None:
    content, said = DUMPS[name]
    path = tmp_path / "old.dump"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(brought.BroughtError, match=said):
        brought.dump(str(path))


@pytest.mark.parametrize(
    "content", [b"PGDMP\1\x10\0\4\10\1", b"--\n-- PostgreSQL database dump\n--\n", b"\x1f\x8b\x08"]
)
def test_a_dump_is_sent_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old.dump").write_bytes(content)
    found = brought.dump(str(tmp_path / "old.dump"))
    with found.stream() as stream:
        assert (found.name, found.size, stream.read()) == ("old.dump", len(content), content)


def test_a_folder_is_sent_as_a_tar(tmp_path: Path) -> None:
    folder = tmp_path / "dump"
    folder.mkdir()
    with pytest.raises(brought.BroughtError, match=r"without pg_dump's toc\.dat"):
        brought.dump(str(folder))
    (folder / "toc.dat").write_bytes(b"PGDMP")
    (folder / "1.dat.gz").write_bytes(b"2" * 3_000_000)
    with brought.dump(str(folder)).stream() as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        assert {member.name: member.size for member in tar} == {"toc.dat": 5, "1.dat.gz": 3_000_000}


def test_a_stream_that_nobody_reads_to_its_end_ends(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"1" * 3_000_000)
    with brought.files(str(tmp_path)).stream() as stream:
        assert stream.read(10)


@pytest.mark.parametrize(("content", "said"), [(b"hello", "neither a folder nor a tar"), (b"", "neither")])
def test_what_is_no_archive_is_named_before_it_is_sent(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "uploads.tar").write_bytes(content)
    with pytest.raises(brought.BroughtError, match=said):
        brought.files(str(tmp_path / "uploads.tar"))
