# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release of a process that has been told to end, and the time that it still has.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
"""Units of time as `systemctl show` writes them (systemd.time(7))."""


@dataclass(frozen=True)
class Draining:
    """A RELEASE of a PROCESS that has been told to end, and the SECONDS that it still has at most.

    WORK is what it has begun and how much of it is open, such as `connection` and 2; "" where that is not known. AWAITED: the
    next release waits for it, for want of room for both.
    """

    release: str
    process: str
    seconds: int
    work: str = ""
    open: int = 0
    awaited: bool = True
    again: bool = False
    """Whether it may be told to start again meanwhile, which it then does when it has ended."""

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to tell of: a process that has nothing open ends at once."""
        return self.open > 0 or not self.work

    def said(self) -> str:
        """Return it as a person reads it."""
        if not self.work:
            return f"{self.release} is draining: {self.process}, at most {self.seconds} s more"
        count = f"{self.open} {self.work}{'' if self.open == 1 else 's'}"
        return f"{self.release} is draining: {count}, at most {self.seconds} s more"


def left_of(unit: str, limit: str = "TimeoutStopUSec", since: str = "StateChangeTimestampMonotonic") -> int:
    """Return how many seconds a UNIT that has been told to end has left at most: of its LIMIT, counted from SINCE on."""
    found = systemd.properties(unit, limit, since)
    begun = int(found.get(since) or 0) / 1e6
    return max(0, round(seconds_of(found.get(limit, "")) - (time.monotonic() - begun)))


def seconds_of(text: str) -> float:
    """Return a span of time such as `1min 10s` in seconds; 0 for one that has no end or is unknown."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(us|ms|s|min|h|d|w)\b", text))
