# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What gunicorn's master and workers write of themselves into a file in memory: who is busy, and what became of workers.

roles/gunicorn_systemd/templates/saturation.py.j2 writes it, which has the same places. It is the app's: the numbers may be any.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "saturation"
VERSION, HEAD, CELLS = 1.0, 12, 8
MOST_SLOTS = 512
MOST = 1e12
"""No number of seconds or requests is beyond that."""


@dataclass(frozen=True)
class Worker:
    """One that runs; times are those of time.monotonic(), which is the same for all processes of a host."""

    since: float
    busy: float
    """Requests under way."""


@dataclass(frozen=True)
class Saturation:
    """What one master has said so far."""

    master: tuple[float, float]
    """Its process and when it started: another one counts from 0."""
    threads_each: int
    exits: float
    timeouts: float
    crashes: float
    busy_seconds: float
    """Of all its workers, those that have ended as well."""
    workers: Sequence[Worker]

    @property
    def threads(self) -> int:
        """Requests that can be under way at once."""
        return self.threads_each * len(self.workers)


def read(folder: Path, now: float) -> Saturation | None:
    """Return what the release with that runtime FOLDER says at NOW (time.monotonic()), None when it says nothing."""
    try:
        handle = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        # Not by mmap: a file that is cut meanwhile would end the reader.
        return parsed(os.pread(handle, (HEAD + MOST_SLOTS * CELLS) * 8, 0), now)
    finally:
        os.close(handle)


def parsed(data: bytes, now: float) -> Saturation | None:
    """Return what DATA says at NOW, None when it is of another version or half."""
    count = len(data) // 8
    cells = [_bounded(one) for one in struct.unpack(f"{count}d", data[: count * 8])]
    if count < HEAD or cells[0] != VERSION or not 0 < cells[1] <= MOST_SLOTS or count < HEAD + cells[1] * CELLS:
        return None
    _, slots, _, places, pid, started, exits, timeouts, crashes = cells[:9]
    workers, seconds = list[Worker](), 0.0
    for begin in range(HEAD, HEAD + int(slots) * CELLS, CELLS):
        worker, since, busy, at, before = cells[begin : begin + 5]
        busy = min(busy, places)
        seconds += before + busy * max(0.0, now - at)
        if worker:
            workers.append(Worker(since, busy))
    return Saturation((pid, started), int(places), exits, timeouts, crashes, seconds, workers)


def _bounded(value: float) -> float:
    return min(value, MOST) if math.isfinite(value) and value > 0 else 0.0
