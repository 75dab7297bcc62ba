# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a unit takes of its host: processes and memory.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

PROC = Path("/proc")


def of_unit(unit: str) -> dict[str, Any]:
    """Return a unit's state and restarts, the number of its workers, and the memory of them all in bytes."""
    wanted = "ActiveState,NRestarts,MainPID,MemoryCurrent"
    lines = systemd.systemctl("show", f"--property={wanted}", unit).stdout.splitlines()
    shown = dict(line.split("=", 1) for line in lines if "=" in line)
    main = int(shown.get("MainPID") or 0)
    parents = processes() if main else {}
    memory = shown.get("MemoryCurrent", "")
    return {
        "state": shown.get("ActiveState", "unknown"),
        "restarts": int(shown.get("NRestarts") or 0),
        "workers": sum(parent == main for parent in parents.values()),
        # Without a memory controller it is "[not set]", in older versions the greatest number of 64 bits.
        "memory": int(memory) if memory.isdigit() and int(memory) < 2**63 else memory_of(main, parents),
    }


def processes() -> dict[int, int]:
    """Return the parent of each process of the host (proc(5): what follows the name in parentheses)."""
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue  # it has ended
    return found


def memory_of(main: int, parents: Mapping[int, int]) -> int | None:
    """Return the bytes that MAIN and all processes below it take, pages that they share counted once; None for no process."""
    family = {main} if main else set()
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    sizes = [size for pid in family if (size := memory(pid)) is not None]
    return sum(sizes) if sizes else None


def memory(pid: int) -> int | None:
    """Return one process's proportional share of memory in bytes, or what is resident where the kernel has no such file."""
    try:
        rows = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))
    except (OSError, StopIteration):
        pass
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None
