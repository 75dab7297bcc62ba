# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A command in a terminal of its own, driven by what it prints: for the recording, and for tests of what a person types.

pexpect would do the same and more; this needs two of its calls, and the times at which output came.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SECONDS = 120.0


class Terminal:
    """A running command. `chunks` has (seconds since the start, text) of all that it printed, `text` all of it."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        columns: int = 100,
        rows: int = 28,
    ) -> None:
        self.argv, self.chunks, self.read = list(argv), list[tuple[float, str]](), 0
        self.started = time.monotonic()
        env = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLUMNS": str(columns),
            "LINES": str(rows),
            **(environment or {}),
        }
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as a terminal's shell has it, also below nohup
                if cwd:
                    os.chdir(cwd)
                os.execvpe(self.argv[0], self.argv, env)
            finally:
                os._exit(127)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.chunks)

    def expect(self, wanted: str, seconds: float = SECONDS) -> None:
        """Wait until WANTED is printed, counted from what was waited for last; fail with all that was printed."""
        end = time.monotonic() + seconds
        while (place := self.text.find(wanted, self.read)) < 0:
            if not self.listen(end):
                self.kill()
                raise AssertionError(f"{self.argv[0]} did not print {wanted!r} within {seconds:.0f} s:\n{self.text}")
        self.read = place + len(wanted)

    def type(self, line: str) -> None:
        """Type LINE and press Enter."""
        os.write(self.descriptor, f"{line}\n".encode())

    def end(self, seconds: float = SECONDS) -> int:
        """Wait until the command has ended and return its exit code; fail with all that it printed."""
        end = time.monotonic() + seconds
        while self.listen(end):
            pass
        if time.monotonic() >= end:
            self.kill()
            raise AssertionError(f"{self.argv[0]} did not end within {seconds:.0f} s:\n{self.text}")
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)

    def listen(self, end: float) -> bool:
        """Read what is printed next; return False at the output's end, or when it is END on the monotonic clock."""
        ready, _, _ = select.select([self.descriptor], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # Linux says EIO when the other side is closed
            return False
        if data:
            self.chunks.append((time.monotonic() - self.started, data.decode(errors="replace")))
        return bool(data)
