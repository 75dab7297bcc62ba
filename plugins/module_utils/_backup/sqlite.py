# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SQLite's files among an app's: found by what they hold, and copied so that each copy is a whole database.

A raw copy of a database that is written to is torn, and lacks what is in its write-ahead log
(https://www.sqlite.org/howtocorrupt.html, section 1.2). The online backup API copies it as of one moment; sqlite_worker.py does
it, with the rights of the app's user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import inspect
import json
import os
import pwd
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import sqlite_worker
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError

PYTHON = "/usr/bin/python3"
BESIDE = ("-wal", "-shm", "-journal")
"""Files beside it that belong to it, and are in the copy already or are nothing without it."""
NO_DATABASE = "file is not a database"
"""What SQLite says of a file that only begins like one (SQLITE_NOTADB)."""
RESERVE_BYTES = 1 << 30
"""What stays free on the disk beside the copies."""
LOOK_SECONDS, COPY_SECONDS = 900, 7200


@dataclass(frozen=True)
class Tree:
    """What is in folders: how many files of how many bytes, and which of them are SQLite's, with their bytes.

    HOLLOW are files, not among those, that are nearly nothing but a size.
    """

    files: int
    size: int
    databases: dict[Path, int]
    hollow: dict[Path, int] = field(default_factory=dict)


def look(folders: Iterable[Path | str], user: str) -> Tree:
    """Return what is in FOLDERS, as far as USER can read it; those that are not there hold nothing, and no link is followed.

    :raises BackupError: when it takes too long.
    """
    wanted = [Path(folder) for folder in folders]
    found = _ask({"look": [str(folder) for folder in wanted]}, user, LOOK_SECONDS)
    return Tree(
        int(found["files"]), int(found["size"]), _inside(found["databases"], wanted), _inside(found["hollow"], wanted)
    )


def _inside(told: list[tuple[str, int]], folders: list[Path]) -> dict[Path, int]:
    """Return what was TOLD of files in FOLDERS: the app's user could have a hand in the answer."""
    found = {Path(os.path.normpath(path)): int(size) for path, size in told}
    return {path: size for path, size in found.items() if any(path.is_relative_to(folder) for folder in folders)}


def copy(databases: dict[Path, int], into: Path, user: str) -> dict[Path, str]:
    """Copy DATABASES, with their bytes, each to its own path below INTO, a new folder of USER's, while others write to them.

    INTO's parents must let USER pass. Return those that could not be copied, with the reason: one that stays locked or is
    damaged, or all of them when there is no room. Whoever may upload files may upload one that can't be copied.

    :raises BackupError: when it takes too long.
    """
    if not databases:
        return {}
    room = shutil.disk_usage(into.parent).free - RESERVE_BYTES
    if (needed := sum(databases.values())) > room:
        why = f"the copies of all of them need {needed >> 20} MB in {into.parent}, where {max(0, room) >> 20} MB may be used"
        return dict.fromkeys(databases, why)
    owner = pwd.getpwnam(user)
    into.mkdir(mode=0o700)
    os.chown(into, owner.pw_uid, owner.pw_gid)
    said = _ask({"copy": [str(path) for path in databases], "most": room}, user, COPY_SECONDS, into)
    failed = {Path(path): str(why) for path, why in said.get("failed", [])}
    return {path: failed[path] for path in databases if path in failed}


def _ask(asked: dict[str, Any], user: str, seconds: float, folder: Path = Path("/")) -> dict[str, Any]:
    """Return what the worker answers, which runs as USER in FOLDER. Raises BackupError."""
    argv = [PYTHON, "-I", "-c", inspect.getsource(sqlite_worker)]
    done = run(argv, user=user, seconds=seconds, given=json.dumps(asked), folder=folder)
    try:
        found = json.loads(done.stdout)
        return found if isinstance(found, dict) else {}
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise BackupError(f"SQLite's databases can't be looked for: {last[0]}") from None


def beside(database: Path) -> list[Path]:
    """Return the DATABASE's files: itself and those beside it."""
    return [database, *(database.with_name(database.name + suffix) for suffix in BESIDE)]
