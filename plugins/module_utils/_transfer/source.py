# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump as somebody brings it: what it is, and unpacked where it can be read only then.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError)
BLOCK = 1 << 20
ENTRIES = 200_000
"""Files of a dump in directory format: one for each table and large object."""


@dataclass(frozen=True)
class Source:
    """A dump at PATH that can be read: `plain` (COMPRESSED or not), or what pg_restore reads."""

    path: Path
    kind: Literal["plain", "archive"]
    compressed: str = ""
    head: kinds.Archive | None = None


def prepare(upload: Path, staging: Path, room: Callable[[int], None], mysql: bool = False) -> Source:
    """Find out what UPLOAD is, and unpack into the folder STAGING what can be read only then.

    ROOM raises when so many octets more must not be written. MYSQL: it is for MariaDB. Raises DumpError for what is no dump, or is
    damaged.
    """
    with upload.open("rb") as file:
        begin = kinds.read(file)
        compressed = kinds.compression(begin)
        if compressed:
            with opened(file, compressed) as text, damage():
                begin = _begin(text)
    if why := kinds.strange_to_mysql(begin) if mysql else kinds.strange(begin):
        raise DumpError(f"{why}")
    if mysql:
        return Source(upload, "plain", compressed)
    if head := kinds.archive(begin):
        return Source(_decompressed(upload, compressed, staging, room), "archive", "", head)
    if kinds.is_tar(begin):
        return _of_tar(_decompressed(upload, compressed, staging, room), staging, room)
    return Source(upload, "plain", compressed)


def _begin(text: IO[bytes]) -> bytes:
    found = b""
    while len(found) < kinds.LOOK and (block := text.read(kinds.LOOK - len(found))):
        found += block
    return found


@contextmanager
def damage() -> Iterator[None]:
    try:
        yield
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise DumpError(f"it is damaged or truncated: {error}") from None


@contextmanager
def opened(file: IO[bytes], compressed: str) -> Iterator[IO[bytes]]:
    """Give what FILE holds, as a stream. Raises DumpError where the host has no tool for it."""
    if compressed == "zstd":
        if not shutil.which("zstd"):
            raise DumpError(
                "it is compressed with zstd, which this host does not have: apt-get install zstd, or unpack it"
            )
        with subprocess.Popen(["zstd", "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            text = cast(IO[bytes], process.stdout)
            yield text
            if text.read(1):
                process.kill()  # nobody wants the rest
            elif process.wait():
                said = cast(IO[bytes], process.stderr).read().decode("utf-8", "replace").strip()
                raise DumpError(f"it is damaged or truncated: {said[-200:]}")
        return
    tools = {"gzip": gzip.open, "xz": lzma.open, "bzip2": bz2.open}
    if not compressed:
        yield file
        return
    with tools[compressed](file, "rb") as text:  # type: ignore[operator]
        yield cast(IO[bytes], text)


def _decompressed(upload: Path, compressed: str, staging: Path, room: Callable[[int], None]) -> Path:
    """Return the file that UPLOAD is, unpacked into STAGING if need be."""
    if not compressed:
        return upload
    target = staging / "dump"
    with upload.open("rb") as file, opened(file, compressed) as text, target.open("xb") as new, damage():
        while block := text.read(BLOCK):
            room(len(block))
            new.write(block)
    return target


def _of_tar(tar: Path, staging: Path, room: Callable[[int], None]) -> Source:
    """Return the dump in a tar: one of pg_dump's directory format, which its tar format is as well once it is unpacked."""
    with damage(), tarfile.open(tar) as archive:
        for count, member in enumerate(archive):
            if count > ENTRIES:
                break
            if os.path.basename(member.name) == "toc.dat" and member.isreg():
                content = archive.extractfile(member)
                head = kinds.archive(content.read(kinds.LOOK)) if content else None
                if head is None:
                    raise DumpError("the toc.dat in it is not from pg_dump")
                return Source(_unpack(tar, os.path.dirname(member.name), staging / "folder", room), "archive", "", head)
    raise DumpError("it is a tar without pg_dump's toc.dat: for the app's files, pass -e folder=… instead of -e dump=…")


def _unpack(tar: Path, folder: str, target: Path, room: Callable[[int], None]) -> Path:
    """Write the files of a dump in directory format, which are in FOLDER of the tar; it has no folders and no links."""
    target.mkdir(mode=0o755)
    with tarfile.open(tar) as archive:
        for member in archive:
            place, name = os.path.split(member.name)
            if (
                os.path.normpath(place or ".") != os.path.normpath(folder or ".")
                or not member.isreg()
                or name in ("", "..")
            ):
                continue
            content = archive.extractfile(member)
            with (target / name).open("xb") as new:
                os.fchmod(new.fileno(), 0o644)
                while content and (block := content.read(BLOCK)):
                    room(len(block))
                    new.write(block)
    return target
