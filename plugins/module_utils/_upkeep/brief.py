# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A summary of a host's maintenance, from records on the host and the sockets that listen.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import due, listening, places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

CHECKED = timedelta(minutes=30)
"""The timer's checks are ten minutes apart."""


@dataclass
class Brief:
    """LINES are worth knowing, PROBLEMS must be seen."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def brief(now: datetime | None = None) -> Brief:
    """Return it; nothing for a host that nobody wants looked after."""
    try:
        settings = Settings.read()
    except (OSError, ValueError):
        return Brief()
    now = now or datetime.now(timezone.utc)
    checked = stored.read(places.CHECKED)
    found = Brief(problems=list(checked.get("problems", [])))
    if checked and now - stored.time_of(checked["at"]) > CHECKED:
        found.problems.append(
            "the host has not been checked for half an hour: see `journalctl -u slipway-upkeep-check` on it"
        )
    found.problems += stored.read(places.BACK).get("problems", [])
    found.lines += stored.read(places.APPLIED).get("notes", [])
    found.lines += _reboot(settings)
    if left := [unit for unit in stored.read(places.RESTARTED).get("left", []) if unit]:
        found.lines.append(
            f"these still run the code from before an update, until a reboot or the next window: {', '.join(left)}"
        )
    found.lines += listening.look(settings.ports)
    return found


def _reboot(settings: Settings) -> list[str]:
    if not (reason := due.why()):
        return []
    when = (
        f"it reboots at {settings.reboot}" if settings.reboot else "reboot it, or allow it with slipway_updates.reboot"
    )
    return [f"a reboot is due, for {reason}: {when}"]
