# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SQLite's files among an app's: found by what they hold, and copied so that each copy is a whole database.

A raw copy of a database that is written to is torn, and lacks what is in its write-ahead log
(https://www.sqlite.org/howtocorrupt.html, section 1.2). The online backup API copies it as of one moment.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError

MAGIC = b"SQLite format 3\0"
"""How such a file begins (https://www.sqlite.org/fileformat.html, section 1.3)."""
BESIDE = ("-wal", "-shm", "-journal")
"""Files beside it that belong to it, and are in the copy already or are nothing without it."""
LEAST_PAGE = 512
"""Its size is a multiple of its page's, which is this or a multiple of it."""
WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Tree:
    """What is in folders: how many files of how many bytes, and which of them are SQLite's."""

    files: int
    size: int
    databases: list[Path]


def look(folders: Iterable[Path | str]) -> Tree:
    """Return what is in FOLDERS; those that are not there hold nothing, and no link is followed."""
    files, size, databases = 0, 0, []
    todo = [os.fspath(folder) for folder in folders]
    while todo:
        try:
            entries = list(os.scandir(todo.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False).st_size
                    files, size = files + 1, size + found
                    if found and found % LEAST_PAGE == 0 and _is_database(entry.path):
                        databases.append(Path(entry.path))
            except OSError:
                continue  # it was removed meanwhile
    return Tree(files, size, sorted(databases))


def _is_database(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def copy(source: Path, target: Path) -> None:
    """Copy a database as of one moment, with owner and mode, while others write to it.

    :raises BackupError: when it stays locked, or is damaged.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        with closing(_open(source)) as original, closing(sqlite3.connect(target)) as copied:
            original.backup(copied)
            # A copy of a database in WAL mode says so as well, and its reader would make files beside it.
            copied.execute("PRAGMA journal_mode=DELETE")
        found = source.stat()
        os.chown(target, found.st_uid, found.st_gid)
        os.chmod(target, found.st_mode & 0o7777)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise BackupError(f"the SQLite database {source} can't be copied: {error}") from None


def _open(source: Path) -> sqlite3.Connection:
    """Open a database for reading; nothing is made where it was removed meanwhile."""
    return sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True, timeout=WAIT_SECONDS)


def beside(database: Path) -> list[Path]:
    """Return the DATABASE's files: itself and those beside it."""
    return [database, *(database.with_name(database.name + suffix) for suffix in BESIDE)]
