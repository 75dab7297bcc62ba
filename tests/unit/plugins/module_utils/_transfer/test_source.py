# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump as somebody brings it, whatever it is packed in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds, reading, source
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

SQL = b"--\n-- PostgreSQL database dump\n--\nSELECT 1;\n"
CUSTOM = b"PGDMP\1\x10\0\4\10\1" + b"\0" * 100
TOC = b"PGDMP\1\x10\0\4\10\3" + b"\0" * 100


def room(octets: int) -> None:
    pass


def tarred(*entries: tuple[str, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return output.getvalue()


def prepared(tmp_path: Path, content: bytes) -> source.Source:
    (tmp_path / "upload").write_bytes(content)
    (tmp_path / "staging").mkdir()
    return source.prepare(tmp_path / "upload", tmp_path / "staging", room)


PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress}


@pytest.mark.parametrize("how", ["", *PACKED])
def test_plain_sql_is_read_as_a_stream(tmp_path: Path, how: str) -> None:
    found = prepared(tmp_path, PACKED[how](SQL) if how else SQL)
    assert (found.kind, found.compressed) == ("plain", how)
    with reading.Reading(found, "unit").text() as text:
        assert text.read() == SQL


@pytest.mark.parametrize("how", ["", *PACKED])
def test_what_pg_restore_reads_is_unpacked(tmp_path: Path, how: str) -> None:
    found = prepared(tmp_path, PACKED[how](CUSTOM) if how else CUSTOM)
    assert found.kind == "archive" and found.path.read_bytes() == CUSTOM


@pytest.mark.parametrize("folder", ["", "./", "old/", "a/b/old/"])
@pytest.mark.parametrize("how", ["", "gzip"])
def test_a_folder_of_a_dump_is_unpacked_and_nothing_else(tmp_path: Path, folder: str, how: str) -> None:
    tar = tarred(
        (f"{folder}toc.dat", TOC), (f"{folder}1.dat.gz", b"x"), ("../../evil", b"x"), ("other/y", b"x"), ("/z", b"x")
    )
    found = prepared(tmp_path, PACKED[how](tar) if how else tar)
    assert sorted(path.name for path in found.path.iterdir()) == ["1.dat.gz", "toc.dat"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["staging", "upload"]


BAD = {
    "files": (tarred(("a.jpg", b"x")), "a tar without pg_dump's toc.dat"),
    "a strange toc.dat": (tarred(("toc.dat", b"hello")), "is not from pg_dump"),
    "damage": (gzip.compress(SQL * 1000)[:60], "damaged or truncated"),
    "MySQL, compressed": (gzip.compress(b"-- MySQL dump 10.13\n"), "MySQL"),
    "nothing, compressed": (gzip.compress(b""), "empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_dump_is_named(tmp_path: Path, name: str) -> None:
    content, said = BAD[name]
    with pytest.raises(DumpError, match=said):
        prepared(tmp_path, content)


def test_damage_behind_the_begin_is_named_when_it_is_read(tmp_path: Path) -> None:
    whole = gzip.compress(bytes(range(1, 255)) * 2000, 0)
    found = prepared(tmp_path, whole[:-20])
    with pytest.raises(DumpError, match="damaged or truncated"), reading.Reading(found, "unit").text() as text:
        text.read()


def test_without_room_nothing_is_unpacked(tmp_path: Path) -> None:
    def full(octets: int) -> None:
        raise DumpError("no room")

    (tmp_path / "upload").write_bytes(gzip.compress(CUSTOM))
    (tmp_path / "staging").mkdir()
    with pytest.raises(DumpError, match="no room"):
        source.prepare(tmp_path / "upload", tmp_path / "staging", full)


SAID = {
    "pg_restore: error: unsupported version (1.16) in file header": (
        "pg_dump 17.2 made it, whose format this host's pg_restore (15.8) can't read. Dump it as plain SQL "
        "(pg_dump --format=plain), or with a pg_dump of this host's version"
    ),
    "pg_restore: error: could not read from input file: end of file": (
        "pg_restore can't read it: could not read from input file: end of file"
    ),
}


@pytest.mark.parametrize("said", SAID)
def test_why_pg_restore_can_not_read_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(reading, "_version", lambda: "15.8")
    head = kinds.Archive("custom", (1, 16), "17.2", "17.2 (Debian 17.2-1)")
    read = reading.Reading(source.Source(tmp_path, "archive", "", head), "unit")
    read.said, read.status = said, 1
    assert read._why() == SAID[said]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("pg_restore (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", "15.14"),
        ("pg_restore (PostgreSQL) 18beta1", "18beta1"),
    ],
)
def test_a_version_is_its_number(said: str, number: str) -> None:
    assert reading.number_in(said) == number
