# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a check of a host finds, and how it looks at the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROBLEM, NOTE = "problem", "note"
SECONDS = 10
"""How long a program may take to answer."""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class UnknownError(Exception):
    """A check can't tell; the message says why."""


@dataclass(frozen=True)
class Finding:
    """What a check SAYS, one sentence in plain words, and what to DO about it. A problem needs somebody, a note does not."""

    level: str
    says: str
    do: str = ""


def problem(says: str, do: str) -> Finding:
    return Finding(PROBLEM, says, do)


def note(says: str, do: str = "") -> Finding:
    return Finding(NOTE, says, do)


@dataclass(frozen=True)
class Space:
    """Bytes and inodes of a file system, all and free; 0 inodes where it has no fixed number."""

    total: int
    free: int
    inodes: int
    free_inodes: int


class Host:
    """The host that is looked at; tests have one of their own."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def run(self, *command: str, seconds: float = SECONDS) -> tuple[int, str]:
        """Return exit status and standard output of COMMAND; 127 where there is no such program.

        Raises UnknownError when it takes longer than SECONDS.
        """
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
                timeout=seconds, env=ENVIRONMENT,
            )  # fmt: skip
        except FileNotFoundError:
            return 127, ""
        except subprocess.TimeoutExpired:
            raise UnknownError(f"`{' '.join(command[:3])}` did not answer within {seconds:.0f} s") from None
        return done.returncode, done.stdout

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        """Return the text of the file NAME, "" when it can't be read."""
        try:
            return self.path(name).read_text(errors="replace")
        except OSError:
            return ""

    def glob(self, pattern: str) -> list[Path]:
        return sorted(self.root.glob(pattern.lstrip("/")))

    def space(self, mount: str) -> Space:
        """Raises OSError when MOUNT can't be asked."""
        found = os.statvfs(self.path(mount))
        unit = found.f_frsize
        # What root alone may still use is not free for anybody's data.
        return Space(found.f_blocks * unit, found.f_bavail * unit, found.f_files, found.f_favail)

    @property
    def is_container(self) -> bool:
        """Tell whether the kernel, its log and its clock are another host's."""
        return self.run("systemd-detect-virt", "--container", "--quiet")[0] == 0


def listed(words: Iterable[str], most: int = 5) -> str:
    """Return WORDS as a person lists them, MOST of them by name."""
    all_of = list(words)
    more = f" and {len(all_of) - most} more" if len(all_of) > most else ""
    return ", ".join(all_of[:most]) + more
