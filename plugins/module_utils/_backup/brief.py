# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A summary of a host's backups in a line or two, from records on the host: no target is contacted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment, places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome

NOTHING = "nothing is backed up: set slipway_backups (docs/backups.md)"
CHECKED = timedelta(minutes=30)
"""The timer's checks are ten minutes apart."""
LATE = 2
"""A restore point that is older than so many periods is late."""


@dataclass
class Brief:
    """LINES for a table of what is, and PROBLEMS that a person must see."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def brief(settings: Path | None = None, folder: Path | None = None, at: datetime | None = None) -> Brief:
    """Return the summary. SETTINGS and FOLDER are paths on the host, AT is the time (None means now)."""
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
    if drill:
        how = "passed" if drill.is_good else "FAILED"
        found.lines.append(f"backups: the drill {told(now - time_of(drill))} ago {how}")
    if check and now - time_of(check) > CHECKED:
        found.problems.append(
            f"backups: not checked for {told(now - time_of(check))}; see `journalctl -u slipway-backup-check` on the host"
        )
    # A check has how the run and the drill before it ended.
    known = [check, *(one for one in (run, drill) if one and (not check or time_of(one) > time_of(check)))]
    found.problems += list(dict.fromkeys(f"backups: {text}" for one in known if one for text in one.problems))
    return found


def time_of(outcome: Outcome) -> datetime:
    """Return when a run, a drill or a check ended."""
    return state.time_of(outcome.ended or outcome.started)


def told(span: timedelta) -> str:
    """Return a time as a person says it."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "d" and seconds >= length):
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
