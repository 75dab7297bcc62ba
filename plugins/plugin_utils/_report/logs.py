# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The time line of a site's logs as a person reads it. All that is in it was written by somebody else.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

MARKS = {"warning": "WARN", "error": "ERROR", "critical": "CRIT"}
COLOURS = {"warning": "yellow", "error": "red", "critical": "bright red"}
SHORT_ID = 8
SOURCE_WIDTH = 11
TOLD = re.compile(r"(?<!\s)\s*\[?\brequest_id=[A-Za-z0-9._-]+\]?(?=\n|$)")
"""The id at the end of a line, as gunicorn's settings add it: the time line has a place for it."""


def clean(text: str) -> str:
    """Return one line of TEXT without what a terminal would obey, or show in another order than it is written."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text.replace("\t", "    "))


class Page:
    """Makes lines of entries, with a line of its own for each new day. HOST_WIDTH is 0 for one host."""

    def __init__(self, host_width: int, one_request: bool, colour: Callable[[str, str], str]) -> None:
        self.host_width, self.one_request, self.colour = host_width, one_request, colour
        self.day = ""

    def lines(self, host: str, entry: Mapping[str, Any]) -> list[str]:
        """Return what is printed for an ENTRY of HOST."""
        day, _, clock = str(entry["time"]).rstrip("Z").partition("T")
        head = [] if day == self.day else [f"-- {clean(day)} (UTC) --"]
        self.day = day
        level, request = str(entry["level"]), str(entry["request_id"])
        first, *rest = self.texts(entry)
        if request and not self.one_request:
            first += self.colour(f"  [{clean(request[:SHORT_ID])}]", "dark gray")
        place = f"{clean(host):{self.host_width}} " if self.host_width else ""
        begin = f"{clean(clock)} {place}{clean(str(entry['source'])):{SOURCE_WIDTH}} {MARKS.get(level, ''):5} "
        space = " " * len(begin)
        coloured = [begin + first, *(space + line for line in rest)]
        if level in COLOURS:
            coloured = [self.colour(line, COLOURS[level]) for line in coloured]
        return head + coloured

    def texts(self, entry: Mapping[str, Any]) -> list[str]:
        message = str(entry["message"])
        if entry["request_id"]:
            message = TOLD.sub("", message, count=1)
        return [clean(line) for line in message.splitlines()] or [""]
