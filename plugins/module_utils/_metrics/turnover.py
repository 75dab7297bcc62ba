# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many different series an app may have within a while, and not only at once.

Prometheus keeps each series in memory for up to three hours after its last value, some kilobytes of it: with new names at each
look, one app would fill the memory of the store of all.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Hashable

SECONDS = 3 * 3600.0
"""Of two hours, a block is written when it is three old (Prometheus, "Storage")."""


class Turnover:
    """The series of one app: MOST of them within SECONDS. Those that are there already go on, new ones wait for room."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._seen: dict[int, float] = {}

    def begin(self, now: float) -> None:
        """Begin a look at NOW, and forget what has not been there for long; a clock that was set back forgets as well."""
        self._seen = {key: at for key, at in self._seen.items() if abs(now - at) < SECONDS}

    def admits(self, series: Hashable, now: float) -> bool:
        """Tell whether SERIES may be told at NOW."""
        key = hash(series)
        if key not in self._seen and len(self._seen) >= self.most:
            return False
        self._seen[key] = now
        return True
