# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a server that replays WAL says, mostly in its log: how far it came, what it lacked, why it ended.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

REDO_END = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")
CONSISTENT = re.compile(r"consistent recovery state reached at ([0-9A-F]+/[0-9A-F]+)")
LAST = re.compile(r"last completed transaction was at log time (.+)$", re.MULTILINE)
TIMELINE = re.compile(r"selected new timeline ID: (\d+)")
TROUBLE = re.compile(r"(?:FATAL|PANIC):\s+(.+)$", re.MULTILINE)
INVALID = re.compile(r"WARNING:  page \d+ of relation (?:\S+/)?(\d+)/\d+\S* (?:is uninitialized|does not exist)")
"""A page that WAL changes and the backup lacks, and the number of its database. Seen in a recovery that goes on all the same."""
SEGMENT_LENGTH = 24
STATUS_LINE = 7
SHORT = "recovery ended before configured recovery target was reached"
"""What PostgreSQL says when WAL ends before the requested time, or has no transaction after it."""


@dataclass(frozen=True)
class Recovered:
    """How far the recovery came: the last WAL position, the time of the last transaction, and the timeline that it was on."""

    lsn: str = ""
    last: str = ""
    """As PostgreSQL tells it, in UTC; "" when no transaction was replayed."""
    timeline: int = 1
    is_short: bool = False
    """Whether WAL ended before a transaction that is later than the moment that was wanted."""

    @property
    def told(self) -> str:
        return f"at {self.lsn}" + (f" (last transaction {self.last})" if self.last else "")


def recovered(log: str, is_short: bool = False) -> Recovered:
    """Return what the server's LOG says of its recovery, of the last one when it was begun several times."""
    end = REDO_END.findall(log) or CONSISTENT.findall(log)
    last, timeline = LAST.findall(log), TIMELINE.search(log)
    return Recovered(
        end[-1] if end else "", last[-1].strip() if last else "", int(timeline[1]) - 1 if timeline else 1, is_short
    )


def missing_segment(found: Recovered, newest: str, segment_bytes: int = 1 << 24) -> str:
    """Return the first WAL segment that the recovery lacked, though the NEWEST one is archived; "" when it got to that.

    Segments are named timeline, high and low half of their number (PostgreSQL's manual, "WAL Internals").
    """
    if len(newest) != SEGMENT_LENGTH:
        return ""
    timeline, high, low = (int(newest[place : place + 8], 16) for place in (0, 8, 16))
    in_high = (1 << 32) // segment_bytes
    left, right = (int(part, 16) for part in found.lsn.split("/"))
    reached = ((left << 32) + right) // segment_bytes
    if reached >= high * in_high + low:
        return ""
    lacking = reached + 1
    return f"{timeline:08X}{lacking // in_high:08X}{lacking % in_high:08X}"


def lacking(log: Iterable[str]) -> dict[int, int]:
    """Return how many pages the backup lacked that WAL changes, by the number (oid) of their database, by the lines of LOG."""
    return dict(Counter(int(match[1]) for line in log if (match := INVALID.search(line))))


def is_open(data: Path) -> bool:
    """Tell whether the server on DATA lets clients in: the eighth line of postmaster.pid (its source's miscadmin.h).

    To systemd it says that it is ready when it begins to replay WAL.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"


def trouble(log: Iterable[str]) -> str:
    """Return why the server ended, by the lines of LOG: the first is it; then its other processes say that it has ended."""
    return next((match[1] for line in log if (match := TROUBLE.search(line))), "")
