# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How full the file systems are, and a file of some size that is given up when one is: the database server comes back with it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

MIB = 1024 * 1024
FOLDERS = (
    Path("/"),
    Path("/boot"),
    Path("/home"),
    Path("/srv"),
    Path("/tmp"),
    Path("/var"),
    Path("/var/log"),
    *places.DATABASES,
)
"""Those that hosts have file systems of their own for."""
ROOM_MB = 64
"""What a server needs to start: PostgreSQL writes a segment of WAL (16 MiB) and its settings."""
TIMES = 3
"""The reserve is put back when so many times its size are free, so that it is never what fills the disk."""


@dataclass(frozen=True)
class Usage:
    """How full the file system with FOLDER is: for whoever is not root, who has a part of ext4 for itself."""

    folder: Path
    percent: int
    free_mb: int
    inodes_percent: int


def usage(folder: Path) -> Usage:
    """Return it, as df(1) counts. Raises OSError."""
    found = os.statvfs(folder)
    used, free = found.f_blocks - found.f_bfree, found.f_bavail
    files = found.f_files - found.f_ffree
    return Usage(
        folder,
        -(-100 * used // (used + free)) if used + free else 0,
        free * found.f_frsize // MIB,
        -(-100 * files // found.f_files) if found.f_files else 0,
    )


def usages() -> list[Usage]:
    """Return one for each file system, under the first of FOLDERS that is on it."""
    seen: dict[int, Path] = {}
    for folder in FOLDERS:
        if folder.is_dir():
            seen.setdefault(folder.stat().st_dev, folder)
    return [usage(folder) for folder in seen.values()]


def reserves() -> Iterator[Path]:
    """Yield where a reserve is: on the system's disk, and on those of database servers that have one of their own."""
    devices = set[int]()
    for path in (places.RESERVE, *(folder / ".slipway-reserve" for folder in places.DATABASES)):
        if path.parent.is_dir() and (device := path.parent.stat().st_dev) not in devices:
            devices.add(device)
            yield path


def keep(settings: Settings) -> list[Path]:
    """Bring the reserves to the size that is wanted where there is room; return those that there is none for."""
    lacking = []
    for path in reserves():
        size = settings.reserve_mb * MIB
        if path.exists() and path.stat().st_size == size:
            continue
        path.unlink(missing_ok=True)
        if not size:
            continue
        if shutil.disk_usage(path.parent).free < TIMES * size:
            lacking.append(path)
            continue
        try:
            _fill(path, size)
        except OSError:  # somebody was faster
            path.unlink(missing_ok=True)
            lacking.append(path)
    return lacking


def _fill(path: Path, size: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)


def give_up() -> list[Path]:
    """Remove the reserves of file systems that have no room for a server to start; return which."""
    freed = []
    for path in reserves():
        if path.exists() and usage(path.parent).free_mb < ROOM_MB:
            path.unlink()
            freed.append(path)
    if freed:
        with suppress(OSError):  # a server is more important than a note about it
            stored.write(places.FREED, {"at": stored.now(), "paths": [str(path) for path in freed]})
    return freed
