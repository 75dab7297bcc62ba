# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Is there room: on the disks, in inodes, in memory; and has the kernel ended processes for want of it?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import (
    Finding,
    Host,
    UnknownError,
    listed,
    note,
    problem,
)

KINDS = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "overlay"}
"""File systems that people's data is on (proc_mounts(5))."""
FULL, NEARLY = 0.95, 0.85
"""Shares in use of a disk, or of its inodes: a problem, a note."""
ENOUGH = 20 * 2**30
"""Bytes: a disk with so many free is not full, whatever share that is."""
GB, MB = 1e9, 2**20
LITTLE = 0.05
"""A host with a smaller share of its memory available is short of it."""
SMALL_MB = 2048
"""A host with less memory should have swap: a deploy runs two releases for a moment."""
KILLED = re.compile(r"Killed process \d+ \(([^)]*)\)|A process of this unit has been killed by the OOM killer")
DAYS = 7
FREE = (
    "Find what uses it with `du -xh --max-depth=2 / | sort -h | tail`; `apt clean` and `journalctl --vacuum-size=200M` free some "
    "at once"
)


def disks(host: Host) -> Iterator[Finding]:
    """Is a disk full, of bytes or of files?"""
    seen: set[str] = set()
    for line in host.read("/proc/mounts").splitlines():
        device, mount, kind, *_ = [*line.split(), "", "", ""]
        if kind not in KINDS or device in seen or (kind == "overlay" and mount != "/"):
            continue
        seen.add(device)
        try:
            space = host.space(mount)
        except OSError:
            continue
        if not space.total:
            continue
        used = 1 - space.free / space.total
        says = f"{mount} is {100 * used:.0f} % full: {space.free / GB:.1f} of {space.total / GB:.0f} GB are free"
        if used > FULL and space.free < ENOUGH:
            yield problem(says, FREE)
        elif used > NEARLY and space.free < ENOUGH:
            yield note(says, FREE)
        if space.inodes and (taken := 1 - space.free_inodes / space.inodes) > NEARLY:
            says = f"{mount} has room for {space.free_inodes} more files: {100 * taken:.0f} % of its inodes are in use"
            do = f"Find the folder with the many files: `du --inodes -x {mount} | sort -n | tail`"
            yield problem(says, do) if taken > FULL else note(says, do)
    if not seen:
        raise UnknownError("/proc/mounts names no disk")


def memory(host: Host) -> Iterator[Finding]:
    """Is memory short now, and is there something to fall back on?"""
    found = {
        name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", host.read("/proc/meminfo"), re.MULTILINE)
    }
    total, available = found.get("MemTotal", 0), found.get("MemAvailable", 0)
    if not total:
        raise UnknownError("/proc/meminfo has no MemTotal")
    if available < LITTLE * total:
        yield problem(
            f"{available / 1024:.0f} of {total / 1024:.0f} MB of memory are available",
            "See what uses it with `ps aux --sort=-rss | head`; lower `workers` of an app, or set its `memory_max_mb`",
        )
    if total / 1024 < SMALL_MB and not found.get("SwapTotal") and not host.is_container:
        yield note(
            f"the host has {total / 1024:.0f} MB of memory and no swap",
            "site.yml adds some where the baseline is on (slipway_memory)",
        )


def killed(host: Host) -> Iterator[Finding]:
    """Has the kernel ended processes for want of memory in the last days?"""
    code, said = host.run(
        "journalctl", "--no-pager", "--quiet", "--output=cat", f"--since=-{DAYS}days", "--grep=Killed process|OOM killer",
        "--lines=1000",
    )  # fmt: skip
    if code not in (0, 1):  # 1: nothing found
        raise UnknownError("the journal can't be read")
    names = Counter(match[1] or "a service's process" for match in KILLED.finditer(said))
    if names:
        whom = listed(f"{name} ({count}×)" for name, count in names.most_common())
        yield problem(
            f"memory ran out in the last {DAYS} days, and the kernel killed {whom}",
            "See when with `journalctl --grep='Killed process|OOM killer'`; give the host more memory, lower `workers`, or set "
            "`memory_max_mb` of the app that grows",
        )
