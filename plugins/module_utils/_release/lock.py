# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The lock on the releases of an app: one run at a time, and who is met by another one is named.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._release.lease import uptime
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError


@contextmanager
def lock(path: Path, who: str) -> Iterator[None]:
    """Hold the app's lock; the kernel drops it with its holder, so none is ever stale.

    Raises ReleaseError that names the holder and for how long it has held the lock.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReleaseError(_refusal(os.pread(handle, 1000, 0).decode(errors="replace"), path)) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{who}\n{uptime():.0f}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _refusal(held: str, path: Path) -> str:
    """Return who holds the lock at PATH, for how long and what for. HELD is what the holder wrote into it."""
    who, _, since = held.strip().partition("\n")
    age = f"{max(0, int(uptime() - float(since)))} s" if since else "a moment"
    run = Record.read(path.with_name(".run.json"))
    at = f" (release {run.id}, stage '{run.stage}')" if run else ""
    return f"{who or 'somebody'} has been deploying this app for {age}{at}; wait until it is done"
