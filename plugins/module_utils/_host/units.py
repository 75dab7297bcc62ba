# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Units of systemd that run with files that were just written: enabled, started, reloaded or restarted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = "/etc/systemd/system/"
JOURNAL_LINES = 25
SYSTEMD = "systemd"
NOTES = Path("/run/slipway")
"""A restart of the host empties it, and all units run with what is written then."""


def execute(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run ARGV; the caller looks at the exit status."""
    return subprocess.run(list(argv), capture_output=True, text=True, errors="replace", check=False)


STOPPED = "stopped"
STARTED = ("enabled", "static")
"""States of a unit's file with which it runs after a boot: others start one that is static, such as systemd-journald."""


class UnitError(RuntimeError):
    """A unit does not do what is wanted; the message is for the user."""


@dataclass(frozen=True)
class Unit:
    """A unit that shall be enabled and run; ON_CHANGE (reload or restart) is done when one of FILES, of any if (), changed.

    With STATE stopped it shall neither run nor start at boot; one that the host lacks is.
    """

    name: str
    on_change: str = "reload"
    files: Sequence[str] = ()
    state: str = "started"

    def concerned(self, changed: Sequence[str]) -> bool:
        return bool(set(changed) & set(self.files) if self.files else changed)


class Unread:
    """A note that UNITS, or systemd for want of any, may not have read FILES yet: the next run makes up for one that was
    killed after it had written, or whose reload failed. LEFT are those for which an earlier run has left it.

    With CHECK it is only looked for. There is none where nobody reads FILES but whoever starts next.
    """

    def __init__(self, units: Sequence[str], files: Sequence[str] = (), check: bool = False) -> None:
        own = any(file.startswith(FOLDER) for file in files)
        self.paths = [NOTES / f"{name}.unread" for name in (*units, *([SYSTEMD] if own else []))]
        self.left, self.check = [path.stem for path in self.paths if path.exists()], check

    def write(self) -> None:
        """Leave it; a host that has no room for it gets none."""
        for path in [] if self.check else self.paths:
            with suppress(OSError):
                path.parent.mkdir(mode=0o755, exist_ok=True)
                path.touch(mode=0o644)

    def remove(self) -> None:
        """All is read."""
        for path in [] if self.check else self.paths:
            path.unlink(missing_ok=True)


def bring(
    units: Sequence[Unit], changed: Sequence[str], *, also: bool = False, check: bool = False,
    run: Callable[[Sequence[str]], subprocess.CompletedProcess[str]] = execute,
) -> list[str]:  # fmt: skip
    """Bring UNITS to what is wanted after the files CHANGED; return what was done (with CHECK: would be), as short sentences.

    systemd reads its units again when one of the files is among them.

    :param also: whether something else that the units read changed.
    :param run: executes an argv; a parameter for the tests' sake.
    :raises UnitError: with the end of its journal when a unit does not start, reload or restart.
    """
    done = []

    def do(verb: str, unit: str, sentence: str) -> None:
        command = ["systemctl", verb, *([unit] if unit else [])]
        if not check and (answer := run(command)).returncode:
            journal = [
                "journalctl",
                "--no-pager",
                "--quiet",
                "--output=cat",
                f"--lines={JOURNAL_LINES}",
                f"--unit={unit}",
            ]
            said = [answer.stderr.strip(), run(journal).stdout.strip() if unit else ""]
            raise UnitError(f"`{' '.join(command)}` failed: " + "\n".join(filter(None, said)))
        done.append(sentence)

    written = any(path.startswith(FOLDER) for path in changed)
    for unit in units if written else ():  # before systemd forgets those whose files are gone
        if unit.state == STOPPED and run(["systemctl", "is-active", "--quiet", unit.name]).returncode == 0:
            do("stop", unit.name, f"{unit.name} stopped")
    if written:
        do("daemon-reload", "", "systemd reloaded")
    names = [unit.name for unit in units]
    shown = run(["systemctl", "show", "--property=ActiveState,UnitFileState", *names]).stdout if units else ""
    for unit, text in zip(units, shown.split("\n\n"), strict=False):
        state = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if unit.state == STOPPED:
            if state.get("ActiveState") in ("active", "activating", "reloading") and not (check and written):
                do("stop", unit.name, f"{unit.name} stopped")
            if state.get("UnitFileState") == "enabled":
                do("disable", unit.name, f"{unit.name} disabled")
            continue
        if state.get("UnitFileState") not in STARTED:
            do("enable", unit.name, f"{unit.name} enabled")
        if state.get("ActiveState") not in ("active", "reloading"):
            do("start", unit.name, f"{unit.name} started")
        elif also or unit.concerned(changed):
            do(unit.on_change, unit.name, f"{unit.name} {unit.on_change}ed")
    return done
