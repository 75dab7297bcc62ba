# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A swap file for hosts with little memory: what nobody uses goes to the disk before the kernel has to end a process.

Weighed against zram: a file works with every kernel (cloud kernels may lack the module), takes no package and none of the
memory that is short. What it costs is that pages, secrets in them included, may be on the disk: root's own, mode 0600.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import memory, systemd
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

MIB = 1024 * 1024
SMALL_MB = 2048
"""Hosts with less get one by themselves."""
BOUNDS_MB = (512, 2048)
TIMES = 4
"""A file is made only where so many times its size are free."""
SWAPS = Path("/proc/swaps")


def wanted_mb(swap: str, memory_mb: int, others: bool) -> int:
    """Return the size of the file in MiB, 0 for none: as much as a small host has memory, unless there is swap by OTHERS."""
    if swap == "none":
        return 0
    if swap != "auto":
        return int(swap)
    if others or memory_mb >= SMALL_MB:
        return 0
    return min(max(memory_mb, BOUNDS_MB[0]), BOUNDS_MB[1])


def active(swaps: str) -> list[str]:
    """Return what is swapped to, from the text of /proc/swaps."""
    return [row.split()[0] for row in swaps.splitlines()[1:] if row.split()]


def bring(settings: Settings) -> str:
    """Bring our swap file to what is wanted; return why that can't be, "" when it is so."""
    used = active(SWAPS.read_text()) if SWAPS.exists() else []
    others = [name for name in used if name != str(places.SWAP)]
    size = wanted_mb(settings.swap, memory.read_host_memory_mb(), bool(others)) * MIB
    if places.SWAP.exists() and places.SWAP.stat().st_size == size and str(places.SWAP) in used:
        return ""
    if str(places.SWAP) in used and systemd.systemctl("stop", places.SWAP_UNIT).returncode:
        return "the swap file stays as it is: there is not enough memory for what is in it"
    if not size or not places.SWAP.exists() or places.SWAP.stat().st_size != size:
        places.SWAP.unlink(missing_ok=True)
    if not size:
        return ""
    if not places.SWAP.exists():
        if shutil.disk_usage(places.SWAP.parent).free < TIMES * size:
            return f"there is not enough disk space for a swap file of {size // MIB} MB: {TIMES} times as much must be free"
        _make(places.SWAP, size)
    done = systemd.systemctl("start", places.SWAP_UNIT)
    if done.returncode:
        places.SWAP.unlink(missing_ok=True)
        return "the kernel does not support swap files on this file system"
    return ""


def _make(path: Path, size: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        # btrfs swaps only to a file that is never copied on write; other file systems don't know the attribute.
        subprocess.run(["chattr", "+C", str(path)], capture_output=True, check=False)
        os.posix_fallocate(handle, 0, size)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    subprocess.run(["/sbin/mkswap", str(path)], capture_output=True, check=True)
