# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Times of a recording: as they were, in asciinema's format, and shortened, for a reader who will not wait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

Event = tuple[float, str]
"""(seconds since the start, what was printed)"""
FASTER, PAUSE, TYPED = 5.0, 0.7, 0.2
"""Waiting is that many times faster, at most so many seconds long; pauses up to TYPED are a person's, and stay."""


def text(events: Sequence[Event], columns: int, rows: int, title: str) -> str:
    """Return the recording as an asciinema cast, version 2, its times as they were."""
    head = {"version": 2, "width": columns, "height": rows, "title": title, "env": {"TERM": "xterm-256color"}}
    lines = [json.dumps(head), *(json.dumps([round(at, 3), "o", said]) for at, said in events)]
    return "\n".join(lines) + "\n"


def shortened(events: Iterable[Event]) -> list[Event]:
    """Return the events with their pauses shortened."""
    found, before, now = [], 0.0, 0.0
    for at, said in events:
        gap = at - before
        now += gap if gap <= TYPED else min(max(gap / FASTER, TYPED), PAUSE)
        found.append((now, said))
        before = at
    return found
