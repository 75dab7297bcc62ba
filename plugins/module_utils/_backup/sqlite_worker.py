# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Finds SQLite's databases among an app's files and copies them. Runs by itself, with the rights of the app's user.

It never runs as root, for what it reads is the app's. SQLite finishes what a journal beside a database says was under way, and
such a journal names a file that is removed then (https://www.sqlite.org/fileformat.html#the_rollback_journal); a folder may be a
link to another one by the time it is entered; and a file may be a pipe.

It takes what is asked as JSON from its input: {"look": [folder …]} or {"copy": [database …], "most": bytes}, and copies into the
folder that it runs in. It answers with JSON. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import sys
from contextlib import closing
from typing import Any
from urllib.parse import quote

MAGIC = b"SQLite format 3\0"
"""How such a file begins (https://www.sqlite.org/fileformat.html, section 1.3)."""
LEAST_PAGE = 512
"""Its size is a multiple of its page's, which is this or a multiple of it."""
WAIT_SECONDS = 30.0
HOLLOW_BYTES = 1 << 30
"""From this size on, a file of which the disk has less than a quarter is hollow: reading terabytes of nothing would keep the
backups of all other apps waiting, and its copy would fill the disk."""


def look(folders: list[str]) -> dict[str, Any]:
    """Return files, size, and databases and hollow files (path, bytes) of FOLDERS; those that are not there hold nothing."""
    files, size, databases, hollow, todo = 0, 0, [], [], list(folders)
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
                    about = entry.stat(follow_symlinks=False)
                    found = about.st_size
                    if is_hollow(about):
                        hollow.append([entry.path, found])
                        continue
                    files, size = files + 1, size + found
                    if found and found % LEAST_PAGE == 0 and is_database(entry.path):
                        databases.append([entry.path, found])
            except OSError:
                continue  # it was removed in the meantime
    return {"files": files, "size": size, "databases": sorted(databases), "hollow": sorted(hollow)}


def is_hollow(about: os.stat_result) -> bool:
    """Tell whether nearly all of a file is nothing: it has a size, and no place on the disk."""
    return about.st_size >= HOLLOW_BYTES and about.st_blocks * 512 * 4 < about.st_size


def is_database(path: str) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return stat.S_ISREG(os.fstat(handle).st_mode) and os.read(handle, len(MAGIC)) == MAGIC
    finally:
        os.close(handle)


def copy(source: str, target: str) -> None:
    """Copy a database as of one moment, with its mode, to TARGET. Raises sqlite3.Error and OSError."""
    # Read and write: a log that nobody has put into the database yet is put there. Nothing is made where it was removed.
    address = f"file:{quote(os.fsencode(source))}?mode=rw"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as original,
        closing(sqlite3.connect(target)) as copied,
    ):
        original.backup(copied)
        # A copy of a database in WAL mode says so as well, and its reader would make files beside it.
        copied.execute("PRAGMA journal_mode=DELETE")
    os.chmod(target, os.stat(source).st_mode & 0o777)


def main() -> None:
    ask = json.load(sys.stdin)
    if "look" in ask:
        print(json.dumps(look(ask["look"])))
        return
    # What is beyond the room that there is ends as "disk I/O error", not as a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (ask["most"], ask["most"]))
    failed = []
    for source in ask["copy"]:
        target = source.lstrip("/")
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            copy(source, target)
        except (sqlite3.Error, OSError) as error:
            failed.append([source, str(error)])
            if os.path.exists(target):
                os.unlink(target)
    print(json.dumps({"failed": failed}))


if __name__ == "__main__":
    main()
