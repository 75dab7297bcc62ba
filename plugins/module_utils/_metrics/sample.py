# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a part of the collector is and yields. Names follow https://prometheus.io/docs/practices/naming/.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Sample:
    """One series and its value now. KIND is gauge, counter or histogram; a histogram's samples are called `…_bucket` (with the
    label `le`), `…_sum` and `…_count`, all of the same kind."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: str = "gauge"
    help: str = ""


class Part(Protocol):
    """One subject of the collector. It is made once, and asked again and again: what it must remember it keeps itself.

    `samples` runs in a thread of its own, never twice at once. What it raises is counted and written to the journal; what takes
    longer than a look may take (collect.LIMIT_SECONDS) is told as not up. Commands and connections need time limits of their
    own. What apps can write (logs, names of queues) is hostile: `text.render` bounds and escapes it, but whose series
    it is, the part must know from elsewhere.
    """

    name: str
    """Also what its file is called."""
    every: float
    """Seconds from one look to the next: 15 for most, 300 for sizes."""

    def samples(self, now: float) -> Iterable[Sample]:
        """Return all of the part's series at the time NOW (seconds of Unix)."""
        ...
