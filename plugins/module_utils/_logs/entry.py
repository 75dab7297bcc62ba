# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One line of a site's time line, wherever it comes from, and which of them are wanted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEVELS = ("debug", "info", "warning", "error", "critical")
"""From what matters least to what matters most."""
ALIASES = {"warn": "warning", "fatal": "critical", "panic": "critical", "alert": "critical", "emergency": "critical",
           "emerg": "critical", "crit": "critical", "err": "error", "notice": "info", "trace": "debug", "log": "info",
           "exception": "error"}  # fmt: skip
SHORTEST_ID = 8
"""Characters of a request's id that must be given: the first ones are enough, as the time line shows them."""
MESSAGE_LIMIT = 16_384
"""Characters of a message; the rest is cut."""
FIELD_LIMIT = 2_048


@dataclass
class Entry:
    """What one line says. TIME is seconds since 1970; FIELDS what a program may want of it besides."""

    time: float
    source: str
    process: str
    message: str
    level: str = "info"
    request_id: str = ""
    release: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Return the entry as JSON has it."""
        found = {
            "time": iso(self.time), "source": self.source, "process": self.process, "level": self.level,
            "request_id": self.request_id, "release": self.release, "message": self.message[:MESSAGE_LIMIT],
        }  # fmt: skip
        return {**found, "fields": self.fields} if self.fields else found


def iso(seconds: float) -> str:
    """Return a time in UTC with milliseconds."""
    whole, thousandths = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{thousandths:03d}Z"


def level_of(name: Any) -> str:
    """Return the one of LEVELS that NAME means, "" when it is none."""
    known = str(name).strip().lower()
    known = ALIASES.get(known, known)
    return known if known in LEVELS else ""


@dataclass
class Wanted:
    """Which entries are to be shown."""

    since: float
    until: float
    process: str = ""
    level: str = ""
    grep: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        self.least = LEVELS.index(self.level) if self.level else 0
        self.pattern = re.compile(self.grep, re.IGNORECASE) if self.grep else None

    def takes(self, entry: Entry) -> bool:
        """Tell whether ENTRY is wanted, but for the request that it belongs to."""
        if not self.since <= entry.time < self.until:
            return False
        if self.process and self.process not in (entry.process, entry.source):
            return False
        if LEVELS.index(entry.level) < self.least:
            return False
        return self.pattern is None or bool(self.pattern.search(searched(entry)))


def searched(entry: Entry) -> str:
    """Return the text that `grep` looks in."""
    return " ".join([entry.message, entry.request_id, *(str(value) for value in entry.fields.values())])


def is_number(value: Any) -> bool:
    """Tell whether VALUE is a number as JSON has them, which Python reads more of: NaN, Infinity and endless ones."""
    return isinstance(value, (int, float)) and abs(value) < 1e300


def limited(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return FIELDS without empty ones, none longer than FIELD_LIMIT."""
    found = {}
    for name, value in fields.items():
        if value not in ("", None):
            found[str(name)[:100]] = value if is_number(value) else str(value)[:FIELD_LIMIT]
    return found
