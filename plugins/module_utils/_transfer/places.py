# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where data waits on its way between the controller and an app, and how much room there is for it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

FOLDER = Path("/var/lib/slipway/transfer")
"""Root's, 0711: a folder below it for each transfer, of whoever brings or fetches."""
OLD_SECONDS = 3600
"""A folder that nobody holds or has written into for so long is of a run that was killed."""
FLOOR_MB = 256
"""Room that is left on each disk."""
CHECK_BYTES = 64 << 20


def make(owner: Path | str) -> Path:
    """Make a folder for one transfer, for the user whom OWNER (a path) belongs to, and remove what killed runs have left."""
    FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
    FOLDER.chmod(0o711)
    sweep()
    folder = FOLDER / secrets.token_hex(12)
    folder.mkdir(mode=0o700)
    found = os.stat(owner)
    if os.geteuid() == 0:
        os.chown(folder, found.st_uid, found.st_gid)
    return folder


def named(name: str) -> Path:
    """Return the folder of the transfer NAME. Raises DumpError when there is none."""
    folder = FOLDER / name
    if not re.fullmatch(r"[0-9a-f]{24}", name) or not folder.is_dir() or folder.is_symlink():
        raise DumpError("the uploaded data is no longer on the host: run it again")
    return folder


def take(folder: Path) -> None:
    """Make FOLDER and the files in it root's, so that nobody changes them from now on."""
    if os.geteuid() == 0:
        os.chown(folder, 0, 0)
        for path in folder.iterdir():
            os.chown(path, 0, 0, follow_symlinks=False)
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            raise DumpError(f"{path} is not a regular file")


def verify(folder: Path, digests: Mapping[str, str]) -> None:
    """Raise DumpError unless the files in FOLDER have these SHA-256 DIGESTS."""
    for name, wanted in digests.items():
        digest = hashlib.sha256()
        with (folder / name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        if digest.hexdigest() != wanted:
            raise DumpError(f"{name} was damaged on its way: run it again")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep FOLDER from being swept, however long it takes: the kernel drops the hold with its holder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def sweep(now: float | None = None) -> None:
    """Remove folders of transfers that were killed."""
    for path in FOLDER.iterdir() if FOLDER.is_dir() else []:
        if (now or time.time()) - path.lstat().st_mtime > OLD_SECONDS and not _is_held(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_held(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class Room:
    """The room on the disk of a PLACE: called with octets that are about to be written, it raises when they would fill it."""

    def __init__(self, place: Path) -> None:
        self.place, self.left = place, 0

    def __call__(self, octets: int) -> None:
        self.left -= octets
        if self.left < 0:
            free = shutil.disk_usage(self.place).free - (FLOOR_MB << 20)
            if free < octets:
                raise DumpError(f"{self.place} is on a disk without enough space for it: {FLOOR_MB} MB must stay free")
            self.left = min(CHECK_BYTES, free - octets)


def need(place: Path, octets: int, what: str) -> None:
    """Raise DumpError when OCTETS more at PLACE would leave less than FLOOR_MB free."""
    there = place
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < octets + (FLOOR_MB << 20):
        raise DumpError(
            f"{what} needs {octets >> 20} MB below {place}, of which {free >> 20} MB are free, and {FLOOR_MB} MB must "
            "stay free: free some space"
        )
