# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where scratch clusters are on the disk: one at a time has a number, and what killed ones have left is removed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TextIO

from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_report import gigabytes
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

MOST = 9
"""Scratch clusters at once: one for the drill, and one for each app that is being restored."""
RESERVE_BYTES = 1 << 30
"""What stays free on the disk for the sites that serve from it."""


class NoRoom(BackupError):
    """The disk can't hold what is wanted of it."""


def room(what: str, needed: int) -> None:
    """Make the folder of scratch clusters. Raises NoRoom when its disk lacks the bytes that WHAT needs, beside the sites'."""
    places.SCRATCH.mkdir(mode=0o711, parents=True, exist_ok=True)
    free = shutil.disk_usage(places.SCRATCH).free
    if needed + RESERVE_BYTES <= free:
        return
    raise NoRoom(
        f"{what} needs {gigabytes(needed)} in {places.SCRATCH}, where {gigabytes(free)} are free and {gigabytes(RESERVE_BYTES)} "
        "are kept for the sites: free some space, or mount a larger disk there"
    )


def unit(number: int) -> str:
    """Return the name of the unit of the scratch cluster with NUMBER."""
    return f"slipway-scratch-{number}.service"


def claim() -> tuple[int, TextIO]:
    """Return the number of a scratch cluster that nobody has, and the lock that keeps it. Raises BackupError."""
    for number in range(1, MOST + 1):
        lock = _locked(number)
        if lock is not None:
            clear(number)
            return number, lock
    raise BackupError(f"{MOST} scratch clusters are in use on this host already: wait for a drill or a restore to end")


def sweep() -> list[int]:
    """Remove what those have left that were killed; return the numbers of it."""
    removed = []
    for path in sorted(places.SCRATCH.glob("[1-9]")):
        number = int(path.name)
        lock = _locked(number)
        if lock is not None:
            clear(number)
            removed.append(number)
            lock.close()
    return removed


def clear(number: int) -> None:
    """End and remove the scratch cluster with NUMBER, whose lock the caller has."""
    folder = places.SCRATCH / str(number)
    if folder.exists():
        systemd.stop(unit(number))
        _end_restore(folder)
        shutil.rmtree(folder)


class Place:
    """The place of one scratch cluster, once `number` and `_lock` are what claim() gives; `with` ends and removes it."""

    def __init__(self) -> None:
        self.number = 0
        self._lock: TextIO | None = None

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def folder(self) -> Path:
        return places.SCRATCH / str(self.number)

    def remove(self) -> None:
        """Stop it, and remove its files."""
        if self._lock is not None:
            clear(self.number)
            self._lock.close()
            self._lock = None


def _locked(number: int) -> TextIO | None:
    """Return the lock of NUMBER, which ends with its owner; None when somebody has it."""
    places.STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    stream = (places.STATE / f"scratch-{number}.lock").open("w")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    return stream


def _end_restore(folder: Path) -> None:
    """End a restore into FOLDER that has outlived who started it: it would go on writing."""
    argument = f"--pg1-path={folder}/data".encode()
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if argument in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        if not found:
            return
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
