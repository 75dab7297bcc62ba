# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The order of entries that come from several places, each of them nearly in order.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry
from ansible_collections.slipway.flask.plugins.module_utils._logs.files import SLACK

MOST_HELD = 32 << 20
"""Characters of entries that are held back: whoever writes more at a time has it shown in another order, and fills no memory."""


class Waiting:
    """Entries that are held back until nothing older can come any more."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Entry]] = []
        self.count = self.size = 0

    def add(self, entry: Entry) -> None:
        heapq.heappush(self.heap, (entry.time, self.count, entry))  # what came first goes before, of two at one time
        self.count += 1
        self.size += len(entry.message)

    def until(self, moment: float) -> Iterator[Entry]:
        """Yield what is not younger than MOMENT, in order, and what is more than can be held."""
        while self.heap and (self.heap[0][0] <= moment or self.size > MOST_HELD):
            entry = heapq.heappop(self.heap)[2]
            self.size -= len(entry.message)
            yield entry


def sorted_within(entries: Iterable[Entry], seconds: float = SLACK) -> Iterator[Entry]:
    """Yield ENTRIES in order, none of which is more than SECONDS late."""
    waiting, newest = Waiting(), 0.0
    for entry in entries:
        waiting.add(entry)
        newest = max(newest, entry.time)
        yield from waiting.until(newest - seconds)
    yield from waiting.until(float("inf"))


def merged(*sources: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of all SOURCES in one order."""
    return heapq.merge(*(sorted_within(source) for source in sources), key=lambda entry: entry.time)
