# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One line in the host's journal for each deploy and rollback: who moved which app from which release to which, how it ended.

It goes to journald itself, so that `journalctl SLIPWAY_APP=shop` finds it by its fields. What the app printed is not in it.
Source of the format: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host import journal
from ansible_collections.slipway.flask.plugins.module_utils._release.record import FAILED, Paths, Record

INFORMATION, WARNING = 6, 4
"""Priorities of syslog(3)."""


def told(_: Paths, record: Record) -> None:
    """Write RECORD to the journal; where there is none, the app's history alone has it."""
    journal.send(fields(record))


def fields(record: Record) -> dict[str, str]:
    """Return what the journal keeps of RECORD."""
    failed = record.outcome in FAILED
    seconds = f"{sum(record.seconds.values()):.1f}"
    outcome = f"{record.outcome} at {record.stage}" if record.stage else record.outcome
    way = f"{record.previous or 'nothing'} → {record.id}"
    return {
        "MESSAGE": f"{record.app}: {way} {outcome}, by {record.by or 'somebody'}, {seconds} s",
        "PRIORITY": str(WARNING if failed else INFORMATION),
        "SYSLOG_IDENTIFIER": "slipway",
        "SLIPWAY_APP": record.app,
        "SLIPWAY_RELEASE": record.id,
        "SLIPWAY_PREVIOUS": record.previous,
        "SLIPWAY_REVISION": record.revision,
        "SLIPWAY_OUTCOME": record.outcome,
        "SLIPWAY_STAGE": record.stage,
        "SLIPWAY_BY": record.by,
        "SLIPWAY_SECONDS": seconds,
    }
