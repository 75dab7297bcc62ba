# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Bring a systemd service to "enabled, running, and started after the last change of what it reads".

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload", "MainPID")
SLACK = 1.0
"""Seconds: /proc/stat gives the time of boot in whole seconds, so a start can look that much older than it is."""


class InstanceError(RuntimeError):
    """The service does not run; the message is for the user."""


@dataclass
class Outcome:
    """What was done, or would be, as short sentences; the diffs of the files; what a person should know."""

    actions: list[str] = field(default_factory=list)
    diffs: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def execute(argv: Sequence[str]) -> tuple[int, str]:
    """Run ARGV; return its exit status and what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def started_at(pid: int, proc: Path = Path("/proc")) -> float:
    """Return when process PID started, in seconds since the epoch (proc_pid_stat(5) field 22, proc_stat(5) btime)."""
    ticks = int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    boot = next(line for line in (proc / "stat").read_text().splitlines() if line.startswith("btime "))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


@dataclass
class Instance:
    """The service UNIT, which reads FILES when it starts. CHECK means that nothing is done."""

    unit: str
    files: Sequence[str] = ()
    check: bool = False
    journal_lines: int = 25
    run: Callable[[Sequence[str]], tuple[int, str]] = execute
    start_of: Callable[[int], float] = started_at

    def ensure(self) -> list[str]:
        """Enable, start or restart the service as needed; return what was done.

        A restart is needed when a file that it reads is younger than the process: so it happens even if an earlier run
        wrote the file and was then interrupted. Raises InstanceError with the end of the journal when it does not run.
        """
        state = self._state()
        done = []
        if state["NeedDaemonReload"] == "yes":
            done.append(self._do(["systemctl", "daemon-reload"], "systemd reloaded"))
        if state["UnitFileState"] != "enabled":
            done.append(self._do(["systemctl", "enable", "--quiet", self.unit], f"{self.unit} enabled"))
        if state["ActiveState"] not in ("active", "reloading"):
            done.append(self._do(["systemctl", "restart", self.unit], f"{self.unit} started"))
        elif self._outdated(int(state["MainPID"])):
            done.append(self._do(["systemctl", "restart", self.unit], f"{self.unit} restarted"))
        return done

    def _state(self) -> dict[str, str]:
        status, text = self.run(["systemctl", "show", f"--property={','.join(PROPERTIES)}", self.unit])
        pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if status or set(PROPERTIES) - set(pairs):
            raise InstanceError(f"systemd does not answer about {self.unit}: {text}")
        if pairs["LoadState"] != "loaded" and not self.check:
            raise InstanceError(f"systemd can't load {self.unit}: {pairs['LoadState']}")
        return pairs

    def _outdated(self, pid: int) -> bool:
        if not pid:
            return True
        youngest = max((Path(name).stat().st_mtime for name in self.files if Path(name).exists()), default=0.0)
        return youngest > self.start_of(pid) + SLACK

    def _do(self, argv: list[str], sentence: str) -> str:
        if self.check:
            return sentence
        cursor = self.run(["journalctl", "--lines=0", "--show-cursor"])[1].rpartition("-- cursor: ")[2]
        status, text = self.run(argv)
        if status:
            raise InstanceError(f"`{' '.join(argv)}` failed: {text}\nIts journal says:\n{self._journal(cursor)}")
        return sentence

    def _journal(self, cursor: str) -> str:
        """Return the end of the unit's journal after CURSOR: errors (the app's own traceback), else everything."""
        self.run(["journalctl", "--sync"])  # what the service said last may still be on its way to the journal
        command = ["journalctl", "--no-pager", "--quiet", "--output=cat", f"--unit={self.unit}"]
        command.append(f"--after-cursor={cursor}")  # with a cursor --lines would give the first ones, not the last
        text = self.run([*command, "--priority=err"])[1] or self.run(command)[1]
        return "\n".join(text.splitlines()[-self.journal_lines :])
