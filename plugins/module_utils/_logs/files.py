# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Text files whose lines begin with, or have, a time: read from a moment on, without what comes before it, and followed.

A file that is rotated becomes NAME.1, then NAME.2.gz and so on. Plain ones are searched by halves, so that the last hour
of a file of gigabytes costs a few dozen reads; compressed ones are read from their beginning, but only when they were still
written after the moment that is asked for.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

TimeOf = Callable[[bytes], "float | None"]
"""Returns the time of a line, None for one without (which belongs to the one before)."""
LONGEST = 64 * 1024
"""Bytes of a line; what is longer is cut."""
SLACK = 6.0
"""Seconds that a line may be late: nginx writes in blocks, and several processes write one file."""
ENOUGH = 64 * 1024
"""The search by halves ends at a stretch of so many bytes."""
STEP = 1 << 20
MOST_FORGED = 2560
"""Bytes in which there is a line with its true time. A visitor's name with a line feed in it, for example, makes lines of their own
in nginx' error log, with any time: but no more than 2 KiB at once (NGX_MAX_ERROR_STR)."""
LATE = 16 * MOST_FORGED
"""Bytes of lines that are all younger than what is asked for, after which nothing else comes."""


class Readable(Protocol):
    def readline(self, size: int = -1, /) -> bytes: ...


def rotated(path: Path) -> list[Path]:
    """Return the file PATH and what was rotated away from it, the oldest first."""
    found: dict[int, Path] = {}
    with suppress(OSError):
        for other in path.parent.iterdir():
            match = re.fullmatch(rf"{re.escape(path.name)}(?:\.(\d+)(\.gz)?)?", other.name)
            if match:
                number = int(match[1] or 0)
                if number not in found or not match[2]:  # while it is compressed, both are there
                    found[number] = other
    return [found[number] for number in sorted(found, reverse=True)]


def lines(path: Path, since: float, until: float, time_of: TimeOf) -> Iterator[bytes]:
    """Yield the lines of PATH, and of what was rotated away from it, from SINCE to UNTIL and SLACK seconds around them."""
    for one in rotated(path):
        with suppress(OSError, EOFError, zlib.error):  # rotated away in this moment, or cut short
            if one.stat().st_mtime < since:
                continue
            if one.suffix == ".gz":
                with _opened(one) as raw, gzip.open(raw, "rb") as packed:
                    yield from _between(packed, since, until, time_of)
            else:
                with _opened(one) as plain:
                    plain.seek(start(plain, since - SLACK, time_of))
                    yield from _between(plain, since, until, time_of)


def _opened(path: Path) -> IO[bytes]:
    """Open a regular file; its folder may be another user's, who could put a link or a pipe in its place."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise OSError(f"{path} is not a regular file")
    return file


def _between(file: Readable, since: float, until: float, time_of: TimeOf) -> Iterator[bytes]:
    inside, late = False, 0
    for line in whole_lines(file):
        moment = time_of(line)
        if moment is not None and moment > until + SLACK:
            inside, late = False, late + len(line)
            if late > LATE:
                return
        elif moment is not None:
            inside, late = moment >= since - SLACK, 0
        if inside:
            yield line


def whole_lines(file: Readable) -> Iterator[bytes]:
    """Yield the lines of FILE, none longer than LONGEST."""
    while line := file.readline(LONGEST):
        yield line
        while not line.endswith(b"\n") and len(line) == LONGEST:  # the rest of one that is too long
            line = file.readline(LONGEST)


def start(file: IO[bytes], moment: float, time_of: TimeOf) -> int:
    """Return a place in FILE, the beginning of a line, before which all lines are older than MOMENT."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while high - low > ENOUGH:
        middle = (low + high) // 2
        place, found = _next_time(file, middle, high, time_of)
        if found is None or found >= moment:
            high = middle
        else:
            low = place
    return 0 if _is_misled(file, low, moment, time_of) else low


def _is_misled(file: IO[bytes], place: int, moment: float, time_of: TimeOf) -> bool:
    """Tell whether lines shortly before PLACE are younger than MOMENT: a forged time has led there."""
    begin = max(0, place - MOST_FORGED)
    file.seek(begin)
    moments = map(time_of, file.read(place - begin).split(b"\n"))
    return any(found is not None and found >= moment + 2 * SLACK for found in moments)


def _next_time(file: IO[bytes], place: int, end: int, time_of: TimeOf) -> tuple[int, float | None]:
    """Return where the first line with a time after PLACE begins, and its time; None when END comes first."""
    file.seek(place)
    place += len(file.readline(STEP))  # the rest of a line that has begun before
    while place < end:
        line = file.readline(STEP)
        if not line:
            break
        moment = time_of(line)
        if moment is not None:
            return place, moment
        place += len(line)
    return place, None


class Tail:
    """A file that is followed beyond its rotation."""

    def __init__(self, path: Path, since: float, time_of: TimeOf) -> None:
        self.path, self.rest = path, b""
        self.file: IO[bytes] | None = None
        self._open()
        if self.file:
            self.file.seek(start(self.file, since - SLACK, time_of))

    def _open(self) -> None:
        with suppress(OSError):
            self.file = _opened(self.path)

    def new(self) -> Iterator[bytes]:
        """Yield the whole lines that were written since the last call."""
        if self.file:
            yield from self._read(self.file)
        if self._is_another():
            old, self.file, self.rest = self.file, None, b""
            self._open()
            if old:
                old.close()
            if self.file:
                yield from self._read(self.file)

    def _read(self, file: IO[bytes]) -> Iterator[bytes]:
        with suppress(OSError):
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # it was emptied in place
        while block := file.read(STEP):
            *whole, self.rest = (self.rest + block).split(b"\n")
            yield from (line[:LONGEST] for line in whole)
            self.rest = self.rest[:LONGEST]

    def _is_another(self) -> bool:
        try:
            now = self.path.stat()
        except OSError:
            return False
        if self.file is None:
            return True
        known = os.fstat(self.file.fileno())
        return (now.st_ino, now.st_dev) != (known.st_ino, known.st_dev)
