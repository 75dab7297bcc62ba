# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What has become of a unit that was started: it runs, it ended, the kernel took it for its memory.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

CGROUPS = Path("/sys/fs/cgroup")
OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"
"""The message by which systemd says that the kernel has killed a process of a unit (SD_MESSAGE_UNIT_OUT_OF_MEMORY)."""
SHOWN = ("ActiveState", "SubState", "Job", "NRestarts", "ActiveEnterTimestampMonotonic", "ControlGroup", "InvocationID")


@dataclass(frozen=True)
class Fate:
    """What is known of a UNIT. SINCE is when it began to run, in seconds of the clock that counts from the boot."""

    unit: str
    state: str
    restarts: int
    since: float
    killed: bool
    """Whether the kernel has killed one of its processes for its memory."""
    starts: bool = False
    """Whether it is about to run for the first time since it was told to: it ends what it had begun before that."""

    @property
    def runs(self) -> bool:
        """Whether it runs, has done so since it was started, and lost nothing of it."""
        return self.state == "active" and not self.restarts and not self.killed

    def said(self) -> str:
        """Return in words why it does not."""
        if self.killed:
            limit = systemd.properties(self.unit, "MemoryMax").get("MemoryMax", "")
            most = f"; it may use {int(limit) // 2**20} MB (memory_max_mb)" if limit.isdigit() else ""
            return f"{self.unit} ran out of memory and was killed{most}"
        return f"{self.unit} ended"


def of(unit: str) -> Fate:
    """Return what has become of UNIT."""
    shown = systemd.properties(unit, *SHOWN)
    state, restarts = shown.get("ActiveState", ""), int(shown.get("NRestarts") or 0)
    killed = kills(shown.get("ControlGroup", "")) > 0
    if state != "active" and not killed:  # its group is gone with it
        killed = told_of(unit, shown.get("InvocationID", ""))
    # A job of systemd's is there between its end and its start; one that restarts by itself is in "auto-restart" then.
    told = shown.get("Job", "0") not in ("", "0") and shown.get("SubState") != "auto-restart" and not restarts
    starts = state == "deactivating" or (state in ("inactive", "activating") and told)
    return Fate(unit, state, restarts, int(shown.get("ActiveEnterTimestampMonotonic") or 0) / 1e6, killed, starts)


def kills(group: str) -> int:
    """Return how many processes of a control GROUP the kernel has killed for its memory; 0 where nobody counts."""
    try:
        rows = (CGROUPS / group.lstrip("/") / "memory.events").read_text().splitlines() if group else []
    except OSError:
        return 0
    return next((int(row.split()[1]) for row in rows if row.startswith("oom_kill ")), 0)


def told_of(unit: str, run: str) -> bool:
    """Tell whether systemd has said so of this RUN of UNIT: anybody may write these fields, but none of another process."""
    match = ["_PID=1", f"MESSAGE_ID={OUT_OF_MEMORY}", f"UNIT={unit}", *([f"INVOCATION_ID={run}"] if run else [])]
    return bool(systemd.read_journal("--lines=1", "--output=cat", *match).strip())
