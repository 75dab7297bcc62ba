# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Processes of an app that goes: none of them goes on, whatever it does about it.

A service's end with its cgroup, from which they can't get away. What a user has begun by other ways (cron, at, a login of
root's) is found by its user; processes in containers are not, which have users of their own with the same numbers.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

PROC = Path("/proc")
GRACE_SECONDS = 20
"""How long services may take to end what they are at, after which they are killed: nobody asks for it any more."""
KILL_SECONDS = 30
CONTAINER = re.compile(r"docker|libpod|containerd|kubepods|crio|lxc|machine\.slice|buildkit|/actions_job")
"""In the cgroup's path of a process in a container; root's tools choose it, and nobody gets out of it."""


def stop(units: Sequence[str]) -> None:
    """End UNITS: they are told to, and killed when they have not after GRACE_SECONDS. Raises RemoveError for one that stays."""
    if not units:
        return
    systemd.systemctl("stop", "--no-block", *units)
    if _wait(units, GRACE_SECONDS):
        systemd.systemctl("kill", "--signal=SIGKILL", *units)
        if left := _wait(units, KILL_SECONDS):
            raise RemoveError(
                f"{', '.join(left)} can't be stopped, not even by SIGKILL: one of its processes hangs in the "
                "kernel, perhaps on a disk. Reboot the host, then run this again"
            )
    systemd.systemctl("reset-failed", *units)


def _wait(units: Sequence[str], seconds: float) -> list[str]:
    """Return those of UNITS that run after SECONDS at the latest."""
    end = time.monotonic() + seconds
    while True:
        left = [unit for unit in units if _runs(unit)]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def _runs(unit: str) -> bool:
    return systemd.properties(unit, "ActiveState").get("ActiveState") in (
        "active",
        "activating",
        "deactivating",
        "reloading",
    )


def of(uids: Collection[int], proc: Path = PROC) -> list[int]:
    """Return the processes of the users UIDS, by any of the numbers that a process has, but those in containers."""
    found = []
    for path in proc.iterdir():
        if path.name.isdigit():
            with suppress(OSError):  # it has just ended
                mine = _users(path) & set(uids)
                if mine and not CONTAINER.search((path / "cgroup").read_text(errors="replace")):
                    found.append(int(path.name))
    return sorted(found)


def _users(path: Path) -> set[int]:
    """Return the numbers of the users that a process runs as; none for one that has ended and that nobody has waited for."""
    status = (path / "status").read_text(errors="replace")
    numbers = re.search(r"^Uid:\s+(.*)$", status, re.MULTILINE)
    if not numbers or re.search(r"^State:\s+[ZX]", status, re.MULTILINE):
        return set()
    return {int(one) for one in numbers[1].split()}


def kill(uids: Collection[int]) -> int:
    """Kill all processes of the users UIDS, and return how many there were.

    All are stopped first, until none comes any more: so one that begins others faster than they are killed ends as well.
    :raises RemoveError: for one that does not end.
    """
    end, seen = time.monotonic() + KILL_SECONDS, set[int]()
    while left := of(uids):
        if time.monotonic() > end:
            raise RemoveError(
                f"the processes {', '.join(map(str, left[:10]))} can't be stopped, not even by SIGKILL: reboot the host, then run "
                "this again"
            )
        if new := set(left) - seen:
            _send(new, signal.SIGSTOP)
            seen |= new
            continue
        _send(left, signal.SIGKILL)
        time.sleep(0.05)
    return len(seen)


def _send(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
