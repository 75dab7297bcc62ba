# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Large data between the controller and a host, in pieces over whatever connection there is: no more than one is in memory or
in a temporary file, and how far it is is told.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shlex
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

PIECE = 16 << 20
TELL_SECONDS = 3.0
LOOK_SECONDS = 0.2
SILENT_SECONDS = 300
"""How long a host may bring nothing new before it counts as gone."""
Tell = Callable[[str], None]


class ExchangeError(RuntimeError):
    """It can't go on; the message is for the user."""


class Telling:
    """Says every few seconds how far it is. WHAT is said before the numbers, TOTAL is in octets, 0 for unknown."""

    def __init__(self, tell: Tell, what: str, total: int) -> None:
        self.tell, self.what, self.total = tell, what, total
        self.next = time.monotonic() + TELL_SECONDS

    def at(self, octets: int) -> None:
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + TELL_SECONDS
            self.tell(f"{self.what}: {size(octets)}{f' of {size(self.total)}' if self.total else ''}")


def size(octets: int) -> str:
    return (
        f"{octets / 1e9:.1f} GB" if octets >= 1e9 else f"{octets / 1e6:.1f} MB" if octets >= 1e5 else f"{octets} bytes"
    )


def send(action: ActionBase, content: IO[bytes], target: str, telling: Telling) -> tuple[int, str]:
    """Write CONTENT to the file TARGET on the host, as the user that is logged in; return its size and SHA-256.

    Raises ExchangeError.
    """
    digest, sent = hashlib.sha256(), 0
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        piece = Path(folder) / "piece"
        _shell(action, f"umask 077; : > {shlex.quote(target)}")
        while block := _full(content):
            piece.write_bytes(block)
            digest.update(block)
            action._connection.put_file(str(piece), f"{target}.piece")
            quoted, part = shlex.quote(target), shlex.quote(f"{target}.piece")
            _shell(action, f"cat {part} >> {quoted} && rm -f {part}")
            sent += len(block)
            telling.at(sent)
    return sent, digest.hexdigest()


def _full(content: IO[bytes]) -> bytes:
    """Return the next piece, as long as there is enough."""
    found = bytearray()
    while len(found) < PIECE and (block := content.read(PIECE - len(found))):
        found += block
    return bytes(found)


class Fetch:
    """Fetches what module_utils/_transfer/spool.py writes into FOLDER on the host, into the folder TO here."""

    def __init__(self, action: ActionBase, folder: str, to: Path, telling: Telling) -> None:
        self.action, self.folder, self.to, self.telling = action, folder, to, telling
        self.part: IO[bytes] | None = None
        self.parts: list[Path] = []
        self.closed: list[IO[bytes]] = []
        self.done: list[Path] = []
        self.octets = 0
        self.digest = hashlib.sha256()

    def run(self) -> tuple[list[Path], list[str]]:
        """Return the files, whole and with their names, and notes. Raises ExchangeError; there is none of them then."""
        try:
            state = self._pieces()
            self._end(state)
            for part, item in zip(self.parts, state["items"], strict=True):
                target = self.to / item["name"]
                part.rename(target)
                self.done.append(target)
        except BaseException:
            for path in self.done:
                path.unlink(missing_ok=True)
            raise
        finally:
            for path in self.parts:
                path.unlink(missing_ok=True)
            for file in [*self.closed, *([self.part] if self.part else [])]:
                file.close()
            self.give_up()
        return self.done, [str(note) for note in state["notes"]]

    def give_up(self) -> None:
        """Have the host stop, and leave nothing there."""
        remove(self.action, self.folder)

    def _pieces(self) -> dict[str, Any]:
        fetched, item, since, state, beats = 0, -1, time.monotonic(), self._state(""), 0
        with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
            while True:
                if state["error"]:
                    raise ExchangeError(str(state["error"]))
                if fetched == len(state["pieces"]):
                    if state["over"]:
                        return state
                    if (now := int(state.get("beats") or 0)) != beats:
                        beats, since = now, time.monotonic()
                    if time.monotonic() - since > SILENT_SECONDS:
                        raise ExchangeError(f"the host has sent nothing for {SILENT_SECONDS} s")
                    time.sleep(LOOK_SECONDS)
                    state = self._state("")
                    continue
                if state["pieces"][fetched] != item:
                    self._end(state, item)
                    item = state["pieces"][fetched]
                    self._begin(str(state["items"][item]["name"]))
                remote, here = f"{self.folder}/{fetched + 1:06d}", Path(folder) / "piece"
                self.action._connection.fetch_file(remote, str(here))
                self._add(here.read_bytes())
                here.unlink()
                fetched, since = fetched + 1, time.monotonic()
                state = self._state(remote)

    def _begin(self, name: str) -> None:
        if Path(name).name != name or name.startswith("."):
            raise ExchangeError(f"the host wants to write a file '{name}'")
        handle, path = tempfile.mkstemp(dir=self.to, prefix=f".{name}.", suffix=".part")  # 0600
        fcntl.flock(handle, fcntl.LOCK_EX)  # until it is closed: `sweep` leaves it alone
        self.part, self.digest = os.fdopen(handle, "wb"), hashlib.sha256()
        self.parts.append(Path(path))

    def _add(self, piece: bytes) -> None:
        if self.part is None:
            raise ExchangeError("the host has sent a part of an unknown file")
        self.part.write(piece)
        self.digest.update(piece)
        self.octets += len(piece)
        self.telling.at(self.octets)

    def _end(self, state: dict[str, Any], item: int | None = None) -> None:
        """Close the file that is being written, and compare it with what the host says of it."""
        if self.part is None:
            return
        self.part.flush()
        os.fsync(self.part.fileno())
        self.closed.append(self.part)
        self.part = None
        wanted = state["items"][len(self.parts) - 1 if item is None else item]
        if wanted["sha256"] != self.digest.hexdigest():
            raise ExchangeError(f"{wanted['name']} was damaged on its way (its SHA-256 differs): run it again")

    def _state(self, gone: str) -> dict[str, Any]:
        """Remove the piece GONE on the host, and return what the host says then."""
        remove = f"rm -f {shlex.quote(gone)}; " if gone else ""
        said = _shell(self.action, f"{remove}cat {shlex.quote(self.folder)}/state.json")
        try:
            found: dict[str, Any] = json.loads(said)
        except ValueError:
            raise ExchangeError("the host has stopped writing it: run it again") from None
        return found


def remove(action: ActionBase, folder: str) -> None:
    """Remove what is in a FOLDER on the host, if the host can still be reached."""
    place = shlex.quote(folder)
    with suppress(AnsibleError, ExchangeError, OSError):
        _shell(action, f"cd {place} && : > gone && find . -mindepth 1 ! -name gone -delete")


def sweep(folder: Path, app: str) -> None:
    """Remove halves of files of APP that a killed run has left in FOLDER."""
    for path in folder.glob(f".{app}-*.part"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _shell(action: ActionBase, command: str) -> str:
    """Run a COMMAND on the host as the user that is logged in, and return what it prints. Raises ExchangeError."""
    done = action._low_level_execute_command(command, sudoable=False)
    if done.get("rc"):
        said = (done.get("stderr") or done.get("stdout") or "").strip()
        raise ExchangeError(f"the host can't do it: {said[-300:]}")
    return str(done.get("stdout") or "")
