# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What playbooks/logs.yml is asked for on its command line, checked before any host is.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import ALIASES, LEVELS, SHORTEST_ID, level_of
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

DURATION = re.compile(r"(\d{1,9})\s*(s|m|min|h|d|w)")
UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
REQUEST_ID = re.compile(rf"[A-Za-z0-9._-]{{{SHORTEST_ID},128}}")
FORMATS = ("text", "json")
LINES = 100
"""The last so many lines are shown when nothing narrows them."""
BEFORE_FOLLOW = 20
SINCE, OF_REQUEST = 3600.0, 86400.0
"""Seconds that are looked back, and for one request."""
LONGEST_FOLLOW = 86400
ALWAYS = ("nginx", "web", "gunicorn", "app", "release", "systemd")
MOST_LINES = 1_000_000


class AskedError(ValueError):
    """Something on the command line is wrong; the message is for the user."""


@dataclass(frozen=True)
class Asked:
    """What is asked for; times are seconds since 1970, LINES 0 is all of them, FOLLOW is in seconds."""

    since: float
    until: float
    process: str
    level: str
    grep: str
    request_id: str
    lines: int
    follow: float
    format: str


def read(given: Mapping[str, Any], processes: list[str], now: float) -> Asked:
    """Return what is GIVEN. PROCESSES are the app's own, with its services. Raises AskedError."""
    said = {name: str(value if value is not None else "").strip() for name, value in given.items()}
    level = level_of(said["level"]) if said["level"] else ""
    if said["level"] and not level:
        one_of("level", said["level"], [*LEVELS, *ALIASES], ", ".join(LEVELS))
    known = [*ALWAYS, *processes]
    if said["process"] and said["process"] not in known:
        one_of("process", said["process"], known, ", ".join(known))
    form = said["format"] or "text"
    if form not in FORMATS:
        one_of("format", form, list(FORMATS), " or ".join(FORMATS))
    if said["request_id"] and not REQUEST_ID.fullmatch(said["request_id"]):
        raise AskedError(
            f"request_id is '{said['request_id']}'; it must be at least its first {SHORTEST_ID} characters, of letters,"
            " digits and . _ -, as the header X-Request-ID and the error page have it"
        )
    if said["grep"]:
        try:
            re.compile(said["grep"])
        except re.error as error:
            raise AskedError(f"grep is '{said['grep']}', which is not a valid regular expression: {error}") from None
    back = OF_REQUEST if said["request_id"] else SINCE
    since = moment("since", said["since"], now) if said["since"] else now - back
    until = moment("until", said["until"], now) if said["until"] else 0.0
    follow = length(said["follow"])
    if until and until <= since:
        raise AskedError(f"until is '{said['until']}', which is not after since ({said['since'] or '1h'})")
    if until and follow:
        raise AskedError("give either until or follow: what is followed has no end but its own")
    narrowed = any(said[name] for name in ("since", "until", "request_id"))
    fewest = BEFORE_FOLLOW if follow else LINES
    lines = count(said["lines"]) if said["lines"] else 0 if narrowed else fewest
    return Asked(since, until, said["process"], level, said["grep"], said["request_id"], lines, follow, form)


def one_of(name: str, value: str, known: list[str], told: str) -> None:
    raise AskedError(f"{name} is '{value}'{nearest(value, known)}; it must be one of: {told}")


def moment(name: str, value: str, now: float) -> float:
    """Return the time that VALUE means: so long ago, or a date in UTC unless it has a zone. Raises AskedError."""
    if found := DURATION.fullmatch(value):
        return now - int(found[1]) * UNITS[found[2]]
    if value == "now":
        return now
    try:
        at = datetime.fromisoformat(value.removesuffix("Z") + ("+00:00" if value.endswith("Z") else ""))
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        raise AskedError(
            f"{name} is '{value}'; it must be an age (30s, 15m, 1h, 2d, 1w) or a time in UTC (2026-11-26,"
            " 2026-11-26T20:00)"
        ) from None


def length(value: str) -> float:
    """Return the seconds that VALUE means: a number, or a time such as 10m. Raises AskedError."""
    if not value or value.lower() in ("0", "false", "no"):
        return 0.0
    found = DURATION.fullmatch(value)
    seconds = int(found[1]) * UNITS[found[2]] if found else int(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0
    if not 0 < seconds <= LONGEST_FOLLOW:
        raise AskedError(
            f"follow is '{value}'; it must be the seconds to go on for, or a time such as 10m, at most 24h"
        )
    return float(seconds)


def count(value: str) -> int:
    if value == "all":
        return 0
    if not re.fullmatch(r"[0-9]{1,7}", value) or not 0 < int(value) <= MOST_LINES:
        raise AskedError(f"lines is '{value}'; it must be a number from 1 to {MOST_LINES}, or all")
    return int(value)
