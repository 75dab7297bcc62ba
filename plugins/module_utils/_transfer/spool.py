# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A stream from the host to the controller, in pieces that are written as fast as they are fetched: never more than a few are
on the host's disk, and none of a run whose controller has gone.

FOLDER belongs to the user whom the controller logs in as. In it are the pieces (`000001`, …) and `state.json`, which says what
they are of; a piece that was fetched is removed by the controller, and at the end all of it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import meanwhile

PIECE = 16 << 20
AHEAD = 3
"""Pieces that wait on the host's disk."""
IDLE_SECONDS = 180
"""How long none is fetched before the controller counts as gone."""
LOOK_SECONDS = 0.05
BEAT_SECONDS = 30.0
STATE = "state.json"
GONE = "gone"
"""What the controller leaves when it wants no more: a file of a moment ago may still be on its way into the folder."""


class GoneError(RuntimeError):
    """Nobody fetches any more."""


@dataclass
class Item:
    """One file that the controller gets."""

    name: str
    sha256: str = ""
    octets: int = 0


@dataclass
class State:
    """What the controller reads."""

    items: list[Item] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    """Of which item each piece is that was written."""
    over: bool = False
    error: str = ""
    notes: list[str] = field(default_factory=list)
    beats: int = 0
    """Grows while it goes on without anything to fetch."""


class Spool:
    """Writes items into FOLDER, for the user whom it belongs to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, State()
        about = folder.stat()
        self.owner = (about.st_uid, about.st_gid)
        self.save()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Tell whoever waits that this goes on although nothing is written yet, as long as the block runs."""

        def beat() -> None:
            self.state.beats += 1
            with suppress(OSError):  # the controller has given up, which is noticed when there is something
                self.save()

        with meanwhile.every(BEAT_SECONDS, beat):
            yield

    def begin(self, name: str) -> Writer:
        """Begin the item NAME."""
        self.state.items.append(Item(name))
        return Writer(self, self.state.items[-1])

    def put(self, piece: bytes) -> None:
        """Write a piece of the newest item, as soon as there is room for it. Raises GoneError."""
        self.wait(AHEAD - 1)
        self._write(f"{len(self.state.pieces) + 1:06d}", piece)
        self.state.pieces.append(len(self.state.items) - 1)
        self.save()

    def end(self, error: str = "") -> None:
        """Say that this was all, wait until it has been fetched, and leave nothing."""
        self.state.over, self.state.error = True, error
        try:
            self.save()
            self.wait(0)
            deadline = time.monotonic() + IDLE_SECONDS
            while time.monotonic() < deadline:
                self._waiting()
                time.sleep(LOOK_SECONDS)
        except (OSError, GoneError):
            pass  # the controller has given up, or has all of it
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self, most: int) -> None:
        """Wait until at most so many pieces are there. Raises GoneError when none is fetched for IDLE_SECONDS."""
        waiting, deadline = self._waiting(), time.monotonic() + IDLE_SECONDS
        while waiting > most:
            time.sleep(LOOK_SECONDS)
            now = self._waiting()
            if now < waiting:
                waiting, deadline = now, time.monotonic() + IDLE_SECONDS
            elif time.monotonic() > deadline:
                raise GoneError(f"nothing was fetched for {IDLE_SECONDS} s")

    def _waiting(self) -> int:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            raise GoneError("the controller has given up") from None
        if GONE in names or STATE not in names:
            raise GoneError("the controller has given up")
        return sum(name.isdigit() for name in names)

    def save(self) -> None:
        self._write(STATE, json.dumps(asdict(self.state)).encode())

    def _write(self, name: str, content: bytes) -> None:
        temporary = self.folder / f".{name}.new"
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            if os.geteuid() == 0:
                os.fchown(handle, *self.owner)
            file.write(content)
        temporary.rename(self.folder / name)


class Writer(io.RawIOBase):
    """A file that an item is written to; closing it ends the item."""

    def __init__(self, spool: Spool, item: Item) -> None:
        self.spool, self.item = spool, item
        self.hash, self.rest = hashlib.sha256(), bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self.hash.update(piece)
        self.item.octets += len(piece)
        self.rest += piece
        while len(self.rest) >= PIECE:
            self.spool.put(bytes(self.rest[:PIECE]))
            del self.rest[:PIECE]
        return len(piece)

    def finish(self) -> None:
        """Write what is left, and say what the whole is."""
        if self.rest or not self.item.octets:
            self.spool.put(bytes(self.rest))
            self.rest.clear()
        self.item.sha256 = self.hash.hexdigest()
        self.spool.save()
