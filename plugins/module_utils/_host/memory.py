# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How much memory the host has, for servers whose settings follow it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

MIB = 1024 * 1024


def host_memory_mb(meminfo: str, limits: Sequence[str] = ()) -> int:
    """Return the host's memory in MiB from /proc/meminfo's text, or a smaller cgroup limit (container hosts).

    Rounded down to 64 MiB: what the kernel keeps for itself changes with its version, and a setting that follows every
    kibibyte would restart the server after a kernel update.

    :param limits: texts of cgroup `memory.max` files: bytes or `max`.
    :raises ValueError: when meminfo has no MemTotal.
    """
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    if not found:
        raise ValueError("/proc/meminfo has no MemTotal")
    memory = int(found.group(1)) // 1024
    for limit in limits:
        if limit.strip().isdigit():
            memory = min(memory, int(limit) // MIB)
    return max(64, memory - memory % 64)


def read_host_memory_mb() -> int:
    """Return this host's memory in MiB; see host_memory_mb."""
    limits = [path.read_text() for path in [Path("/sys/fs/cgroup/memory.max")] if path.is_file()]
    return host_memory_mb(Path("/proc/meminfo").read_text(), limits)
