# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What PostgreSQL on the host says of one database in its log: errors, with the statements that failed, and warnings.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry, level_of
from ansible_collections.slipway.flask.plugins.module_utils._logs.text import REQUEST_ID

FOLDER = Path("/var/log/postgresql")
STAMP = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)? (\S+) ")
LINE = re.compile(
    r"^\S+ \S+ \S+ \[(?P<pid>\d+)\] (?:(?P<user>[^@\s]+)@(?P<database>\S+) )?(?P<kind>[A-Z]+\d?):\s+(?P<message>.*)$",
    re.DOTALL,
)
"""Debian's `log_line_prefix`, "%m [%p] %q%u@%d ", and what follows."""
MORE = {"DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY"}
"""They belong to the line before."""
NAMES_BYTES = 2 * 63
"""What a client's names of a user and of a database take at most (NAMEDATALEN). The server writes both as they are, with their
line feeds: behind a line that is torn within them, so many bytes are the client's, and may look like any line."""


def line_time(line: bytes) -> float | None:
    found = STAMP.match(line)
    if not found:
        return None
    seconds = _seconds(found[1], found[3])
    return None if seconds is None else seconds + float(found[2] or 0)


@lru_cache(maxsize=64)
def _seconds(written: bytes, zone: bytes) -> float | None:
    """Return the seconds of a time in UTC, or in the host's own zone, which the server has its name for."""
    try:
        parts = time.strptime(written.decode(), "%Y-%m-%d %H:%M:%S")
        if zone in (b"UTC", b"GMT"):
            return float(calendar.timegm(parts))
        return time.mktime(parts)
    except (ValueError, OverflowError):
        return None


def logs() -> list[Path]:
    """Return the logs of the host's clusters."""
    return sorted(path for path in FOLDER.glob("postgresql-*-*.log") if path.is_file())


class Reader:
    """Makes entries of lines: what a server says of one error is several of them."""

    def __init__(self, database: str) -> None:
        self.database, self.level, self.request_id, self.ours = database, "info", "", False
        self.last, self.torn = 0.0, 0

    def entry(self, line: bytes) -> Entry | None:
        """Return what LINE says, None for one of another database."""
        text = line.decode(errors="replace").rstrip("\n")
        found = LINE.match(text)
        moment = line_time(line)
        if self.torn > 0:
            self.torn -= len(line)
            return None
        if not found or moment is None:
            if self.ours and line.startswith(b"\t") and text.strip():  # the second line of a statement
                return self._made(self.last, text.strip("\t"))
            if moment is not None:
                self.torn, self.ours = NAMES_BYTES, False
            return None
        self.last, self.ours = moment, found["database"] == self.database
        if not self.ours:
            return None
        if found["kind"] not in MORE:
            self.level, self.request_id = level_of(found["kind"]) or "info", ""
            if found["kind"] == "FATAL":
                self.level = "error"  # one connection's end, not the server's
        if told := REQUEST_ID.search(found["message"]):
            self.request_id = told[1]
        who = "" if found["user"] == self.database else f" (of {found['user']})"  # anybody can name this database
        return self._made(moment, f"{found['kind']}: {found['message']}{who}", int(found["pid"]))

    def _made(self, moment: float, text: str, pid: int = 0) -> Entry:
        fields = {"pid": pid} if pid else {}
        return Entry(moment, "postgresql", "postgresql", text, self.level, self.request_id, fields=dict(fields))
