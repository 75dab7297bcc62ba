# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The lines that come to a log, each once: over rotation, truncation and whatever time nobody has looked.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

BLOCK = 1 << 20
"""Bytes that are read at once; a line that is longer is two."""
HEAD = 256
"""Bytes by which a file is known again beside its number, which the next file may be given."""
_NO_FILE = (errno.ENOENT, errno.EISDIR, errno.ELOOP, errno.ENXIO)
"""open(2) of what is not there, of a folder, a link and a socket."""


@dataclass
class Mark:
    """How far a file has been read: OFFSET; HEAD_SIZE and HEAD_SUM are length and CRC-32 of its beginning."""

    device: int
    inode: int
    offset: int
    head_size: int = 0
    head_sum: int = 0


class Tail:
    """The log at PATH and the one before it, which is rotated to `<PATH>.1` and left as it is until the next rotation.

    MARKS are where the last one left off, None if nobody has ever looked: what the log has by then is passed over.
    """

    def __init__(self, path: str, marks: Sequence[Mark] | None = None) -> None:
        self.path, self.marks = path, None if marks is None else list(marks)

    @classmethod
    def loaded(cls, path: str, saved: Any) -> Tail:
        """Return a tail for PATH that goes on from what `saved` returned; what can't be read counts as never looked at."""
        with suppress(TypeError, ValueError):
            if isinstance(saved, list):
                return cls(path, [Mark(**{name: int(value) for name, value in mark.items()}) for mark in saved])
        return cls(path)

    def saved(self) -> Any:
        """Return the marks for JSON."""
        return None if self.marks is None else [asdict(mark) for mark in self.marks]

    def blocks(self) -> Iterator[bytes]:
        """Yield what is new in blocks of whole lines; each is marked as read, so the caller may end between two of them."""
        handles = dict[tuple[int, int], int]()
        try:
            # This one first: if they are rotated in between, it is the same file twice, and none is missed.
            for path in (self.path, f"{self.path}.1"):
                handle = _opened(path)
                if handle >= 0:
                    about = os.fstat(handle)
                    if (about.st_dev, about.st_ino) in handles:
                        os.close(handle)
                    else:
                        handles[about.st_dev, about.st_ino] = handle
            self.marks = self._found(handles)
            for mark in reversed(self.marks):
                yield from _rest(handles[mark.device, mark.inode], mark)
        finally:
            for handle in handles.values():
                os.close(handle)

    def _found(self, handles: Mapping[tuple[int, int], int]) -> list[Mark]:
        """Return the marks of the files that are there: HANDLES by device and number, the log's own first."""
        before = {(mark.device, mark.inode): mark for mark in self.marks or []}
        left = any(key in before for key in handles)
        found = list[Mark]()
        for (device, inode), handle in handles.items():
            mark, size = before.get((device, inode)), os.fstat(handle).st_size
            if mark and size >= mark.offset and _is_same(handle, mark):
                found.append(mark)
            elif mark:  # truncated, or another file that was given the number
                found.append(Mark(device, inode, 0))
            elif self.marks is None:
                found.append(Mark(device, inode, _line_end(handle, size)))
            elif not found or not left:
                # A log that came after the last look is new from its beginning, and so is the one before it if none of
                # those that were read is left.
                found.append(Mark(device, inode, 0))
        return found


def _opened(path: str) -> int:
    """Return a handle for the file at PATH, -1 if there is none; links and whatever is not a regular file are passed over."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_FILE:
            return -1
        raise
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return -1


def _rest(handle: int, mark: Mark) -> Iterator[bytes]:
    """Yield the lines of a file from its MARK on, which goes with them."""
    while True:
        block = os.pread(handle, BLOCK, mark.offset)
        end = block.rfind(b"\n") + 1 or (BLOCK if len(block) == BLOCK else 0)
        if not end:
            return
        mark.offset += end
        head = os.pread(handle, min(HEAD, mark.offset), 0)
        mark.head_size, mark.head_sum = len(head), zlib.crc32(head)
        yield block[:end]


def _is_same(handle: int, mark: Mark) -> bool:
    """Tell whether a file begins as it did when it was marked."""
    return zlib.crc32(os.pread(handle, mark.head_size, 0)) == mark.head_sum


def _line_end(handle: int, size: int) -> int:
    """Return where the last whole line ends in the SIZE bytes of a file."""
    start = max(0, size - BLOCK)
    return start + os.pread(handle, size - start, start).rfind(b"\n") + 1
