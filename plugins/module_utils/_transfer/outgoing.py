# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app has, on its way out: its database by pg_dump, its folders as tars with copies of the SQLite databases in them.

Each is read with the app's rights alone: a link that the app has laid leads nobody to what only root may read.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import sqlite, sqlite_worker
from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._transfer import child
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

BLOCK = 1 << 20
Put = Callable[[bytes], Any]


def pack(folder: Path, user: str, copies: Path, put: Put) -> list[str]:
    """Give a tar of what is in FOLDER to PUT, and return notes; COPIES is a folder of USER's for copies of databases.

    Raises DumpError.
    """
    reading, writing = os.pipe()

    def work(tell: child.Tell) -> list[str]:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            return write(folder, copies, pipe)

    def pump() -> None:
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            while block := pipe.read(BLOCK):
                put(block)

    notes: list[str] = child.run(user, work, begun=pump)
    return notes


def write(folder: Path, copies: Path, output: IO[bytes]) -> list[str]:
    """Write a tar of FOLDER, with names as from within it. Returns notes. Raises DumpError. To be run with the app's rights."""
    notes, databases = list[str](), [Path(path) for path, _ in sqlite_worker.look([str(folder)])["databases"]]
    beside = {str(path) for database in databases for path in sqlite.beside(database)}
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BLOCK) as tar:
        _walk(folder, tar, beside, notes)
        for number, database in enumerate(databases):
            copy = copies / f"{number}.sqlite"
            try:
                sqlite_worker.copy(str(database), str(copy))
                info = tar.gettarinfo(copy, str(database.relative_to(folder)))
                with copy.open("rb") as file:
                    tar.addfile(_plain(info), file)
            except (sqlite3.Error, OSError) as error:
                raise DumpError(f"the SQLite database {database} can't be copied: {error}") from None
            finally:
                copy.unlink(missing_ok=True)
    return notes


def _walk(folder: Path, tar: tarfile.TarFile, without: Collection[str], notes: list[str]) -> None:
    def failed(error: OSError) -> None:
        notes.append(f"{error.filename} was left out: {error.strerror}")

    for top, folders, names, handle in os.fwalk(folder, follow_symlinks=False, onerror=failed):
        within = os.path.relpath(top, folder)
        if within != ".":
            tar.addfile(_plain(tar.gettarinfo(top, within)))
        links = [name for name in folders if stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)]
        folders[:] = sorted({*folders}.difference(links))  # os.fwalk would open what they lead to
        for name in sorted([*names, *links]):
            path = os.path.join(top, name)
            if path not in without:
                _add(tar, handle, name, os.path.normpath(os.path.join(within, name)), notes)


def _add(tar: tarfile.TarFile, folder: int, name: str, within: str, notes: list[str]) -> None:
    try:
        about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        info = tarfile.TarInfo(within)
        info.mtime = int(about.st_mtime)
        if stat.S_ISLNK(about.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=folder)
            if tree.is_within(os.path.dirname(within), info.linkname):
                tar.addfile(info)
            else:
                notes.append(f"the link {within} was left out: it leads out of the folder, to {info.linkname}")
        elif stat.S_ISREG(about.st_mode) and sqlite_worker.is_hollow(about):
            notes.append(
                f"{within} was left out: it is {about.st_size >> 30} GB large, and nearly all of it is a hole (a sparse file)"
            )
        elif stat.S_ISREG(about.st_mode):
            handle = os.open(name, tree.READ, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                info.size = os.fstat(handle).st_size
                info.mode = 0o640
                tar.addfile(info, _Whole(file, info.size))  # type: ignore[arg-type]
    except FileNotFoundError:
        pass  # it was removed in the meantime
    except PermissionError:
        notes.append(f"{within} was left out: the app itself can't read it")


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return INFO without its owner, whose number means nothing on another host."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o750 if info.isdir() else 0o640
    return info


class _Whole:
    """A file as long as it was when it was opened: one that is cut off meanwhile is filled up, as tar(1) does."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.left = file, size

    def read(self, count: int) -> bytes:
        wanted = min(count, self.left)
        found = self.file.read(wanted)
        self.left -= wanted
        return found + b"\0" * (wanted - len(found))
