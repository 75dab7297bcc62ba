# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What somebody brings from the controller: a dump or files, as one stream, after a first look at what they are.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds, outgoing
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

BLOCK = 1 << 20


class BroughtError(ValueError):
    """It can't be what is wanted; the message is for the user."""


@dataclass(frozen=True)
class Brought:
    """A file or a folder at PATH. SIZE is in octets, of a folder about."""

    path: Path
    size: int

    @property
    def name(self) -> str:
        return self.path.name

    @contextmanager
    def stream(self) -> Iterator[IO[bytes]]:
        """Give what is sent: the file as it is, a folder as a tar."""
        if self.path.is_dir():
            with _packed(self.path) as pipe:
                yield pipe
        else:
            with self.path.open("rb") as file:
                yield file


def dump(text: str, mysql: bool = False) -> Brought:
    """Return the dump at the path TEXT, which is for MariaDB if MYSQL. Raises BroughtError for what is certainly none."""
    path = _there(text, "dump")
    if path.is_dir():
        if mysql:
            raise BroughtError(f"dump is '{text}', a folder: MariaDB's dumps are files; for files use -e folder=…")
        if not (path / "toc.dat").is_file():
            raise BroughtError(f"dump is '{text}', a folder without pg_dump's toc.dat; for files use -e folder=…")
        return Brought(path, _size(path))
    with path.open("rb") as file:
        begin = file.read(kinds.LOOK)
    if why := kinds.strange_to_mysql(begin) if mysql else kinds.strange(begin):
        raise BroughtError(f"dump is '{text}': {why}")
    return Brought(path, path.stat().st_size)


def files(text: str) -> Brought:
    """Return the files at the path TEXT. Raises BroughtError for what is certainly no archive."""
    path = _there(text, "folder")
    if path.is_dir():
        return Brought(path, _size(path))
    with path.open("rb") as file:
        begin = file.read(kinds.LOOK)
    if not (kinds.compression(begin) or kinds.is_tar(begin) or kinds.is_zip(begin)):
        raise BroughtError(
            f"folder is '{text}', which is neither a folder nor a tar (.gz, .zst, .xz, .bz2 or not) nor a zip"
        )
    return Brought(path, path.stat().st_size)


def _there(text: str, what: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise BroughtError(f"{what} is '{text}', but there is no {path} on this machine")
    if not os.access(path, os.R_OK):
        raise BroughtError(f"{what} is '{text}', which can't be read")
    return path


def _size(folder: Path) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        total += sum(os.lstat(os.path.join(top, name)).st_size + 1024 for name in names)
    return total


@contextmanager
def _packed(folder: Path) -> Iterator[IO[bytes]]:
    """Give a tar of FOLDER, written while it is read."""
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def write(copies: str) -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                outgoing.write(folder, Path(copies), pipe)
        except BrokenPipeError:
            pass  # nobody reads on
        except (DumpError, OSError) as error:
            failed.append(error)

    with tempfile.TemporaryDirectory(prefix="slipway-") as copies, os.fdopen(reading, "rb", BLOCK) as pipe:
        thread = threading.Thread(target=write, args=(copies,), daemon=True)
        thread.start()
        yield pipe
        pipe.close()
        thread.join()
    if failed:
        raise BroughtError(f"{folder} can't be read: {failed[0]}")
