# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person who looks at the host is told of its backups in a line or two, from what the host keeps: no target is asked.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment, places, state

NOTHING = "nothing is backed up: set slipway_backups (docs/backups.md)"
LATE = 2
"""A restore point that is older than so many periods is late."""


@dataclass
class Brief:
    """LINES for a table of what is, and PROBLEMS that a person must see."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def brief(settings: Path | None = None, folder: Path | None = None, at: datetime | None = None) -> Brief:
    """Return what is told. SETTINGS and FOLDER are where the host has its own, AT is the time, now if None."""
    wanted = state.read(settings or places.SETTINGS)
    if not wanted:
        return Brief([NOTHING])
    now, found = at or moment.now(), Brief()
    every = timedelta(seconds=int(wanted.get("every_seconds", 3600)))
    run, check, drill = (state.outcome(what, folder) for what in ("run", "check", "drill"))
    point = str(run.facts.get("point", "")) if run else ""
    count = len(wanted.get("targets", ()))
    where = f"{count} target{'s' * (count != 1)}"
    if not moment.POINT.fullmatch(point):
        found.lines.append(f"backups: no restore point yet ({where})")
    else:
        age = now - moment.time_of(point)
        found.lines.append(f"backups: newest restore point {told(age)} old ({where})")
        if age > LATE * every and not check:
            found.problems.append(f"the newest restore point is {told(age)} old; one is due every {told(every)}")
    found.problems += [f"backups: {text}" for text in (run.problems if run else [])]
    if drill:
        when = datetime.strptime(drill.ended or drill.started, state.ISO).replace(tzinfo=now.tzinfo)
        how = "passed" if drill.is_good else "FAILED"
        found.lines.append(f"backups: the drill {told(now - when)} ago {how}")
        found.problems += [f"drill: {text}" for text in drill.problems]
    known = set(found.problems)
    found.problems += [text for one in (check.problems if check else []) if (text := f"backups: {one}") not in known]
    return found


def told(span: timedelta) -> str:
    """Return a time as a person says it."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "d" and seconds >= length):
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
