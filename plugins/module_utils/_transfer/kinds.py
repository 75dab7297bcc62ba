# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a file that somebody brings is, by how it begins: its name may say anything.

Sources: pg_backup_archiver.c (ReadHead) of PostgreSQL 12 to 18; gzip: RFC 1952; zstd: RFC 8878, 3.1.1; xz's format, 2.1.1.1;
tar: POSIX, pax, "ustar Interchange Format"; https://www.sqlite.org/fileformat.html, 1.3.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO

LOOK = 1 << 16
"""How much of a file is looked at."""
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
}
FORMATS = {1: "custom", 3: "tar", 5: "directory"}
"""ArchiveFormat of pg_backup.h."""
ARCHIVE = b"PGDMP"
STRANGE = {
    b"SQLite format 3\0": "it is an SQLite database: import the folder that it belongs to, with -e folder=…",
    b"-- MySQL dump": "it is a dump of MySQL",
    b"-- MariaDB dump": "it is a dump of MariaDB",
    b"/*M!": "it is a dump of MariaDB",
    b"PK\x03\x04": "it is a zip: unpack it first",
}
CLUSTER = b"-- PostgreSQL database cluster dump"


@dataclass(frozen=True)
class Archive:
    """The head of a dump that pg_restore reads: FORMAT, and the versions of the server and of pg_dump ("" for unknown)."""

    format: str
    version: tuple[int, int]
    server: str = ""
    pg_dump: str = ""


def compression(begin: bytes) -> str:
    """Return what a file that BEGINs so is compressed with, "" for nothing that is known."""
    return next((name for magic, name in COMPRESSED.items() if begin.startswith(magic)), "")


def is_tar(begin: bytes) -> bool:
    return begin[257:262] == b"ustar"


def is_zip(begin: bytes) -> bool:
    return begin.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def strange(begin: bytes) -> str:
    """Return why what BEGINs so is no dump of one PostgreSQL database, "" when it may be one."""
    text = begin.removeprefix(b"\xef\xbb\xbf")
    found = next((why for magic, why in STRANGE.items() if text.lstrip().startswith(magic)), "")
    if not found and CLUSTER in text[:200]:
        return "it is a dump of a whole server (pg_dumpall): make one of the app's database alone with pg_dump"
    return found or ("it is empty" if not begin.strip() else "")


def strange_to_mysql(begin: bytes) -> str:
    """Return why what BEGINs so is no dump of one MySQL or MariaDB database, "" when it may be one."""
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(ARCHIVE) or is_tar(begin) or b"-- PostgreSQL database" in text[:200]:
        return "it is a dump of PostgreSQL, and the app has MariaDB"
    if text.startswith((b"-- MySQL dump", b"-- MariaDB dump", b"/*M!")):
        return ""
    return strange(begin)


def archive(begin: bytes) -> Archive | None:
    """Return what the head of a pg_dump archive says, None for what is none."""
    if not begin.startswith(ARCHIVE) or len(begin) < 11:
        return None
    version, size = (begin[5], begin[6]), begin[8]
    head = Archive(FORMATS.get(begin[10], "unknown"), version)
    try:
        reader = _Reader(begin[11:], size)
        if version >= (1, 15):
            reader.skip(1)  # how it is compressed, a byte since 16
        else:
            reader.number()
        for _ in range(7):
            reader.number()  # when it was made
        reader.text()  # the database's name
        return Archive(head.format, version, reader.text(), reader.text())
    except (IndexError, ValueError):
        return head


class _Reader:
    """Reads numbers of SIZE octets behind a sign, the least first, and texts behind their length."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.at = data, size, 0

    def skip(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise IndexError
        self.at += count
        return taken

    def number(self) -> int:
        sign = self.skip(1)
        value = int.from_bytes(self.skip(self.size), "little")
        return -value if sign != b"\0" else value

    def text(self) -> str:
        length = self.number()
        if length > LOOK:
            raise ValueError
        return self.skip(length).decode("utf-8", "replace") if length > 0 else ""


def major(version: str) -> int:
    """Return the first number of a version such as `17.2 (Debian 17.2-1)`, 0 for none."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def read(file: IO[bytes]) -> bytes:
    """Return the begin of FILE, which is at its begin again afterwards."""
    begin = file.read(LOOK)
    file.seek(0)
    return begin
