# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host knows of the releases of an app: those that were, the one that serves, and those that are still there.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of
from ansible_collections.slipway.flask.plugins.module_utils._release import fleet
from ansible_collections.slipway.flask.plugins.module_utils._release.drain import draining
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease
from ansible_collections.slipway.flask.plugins.module_utils._release.record import SWITCHED, Paths

KEPT = (
    "id",
    "revision",
    "dirty",
    "source",
    "by",
    "started",
    "ended",
    "outcome",
    "stage",
    "message",
    "heads_after",
    "promoted",
)


def history_of(paths: Paths, limit: int) -> dict[str, Any]:
    """Return the newest LIMIT entries of an app's history, newest first, and what is still on the host."""
    entries = history(paths.history)
    newest = entries[: -limit - 1 : -1]
    return {
        "app": paths.app,
        "serving": paths.current_id(),
        "present": present(paths),
        "draining": [one.release for one in draining(processes_of(paths))],
        "total": len(entries),
        "entries": [{**{key: entry.get(key) for key in KEPT}, "seconds": seconds_of(entry)} for entry in newest],
    }


def present(paths: Paths) -> list[str]:
    """Return the releases on the host that serve or can be rolled back to, newest first."""
    found = [(release, paths.record(release)) for release in reversed(paths.release_ids())]
    return [release for release, record in found if record and record.outcome in SWITCHED]


def seconds_of(entry: Mapping[str, Any]) -> float:
    """Return how long all stages of a release took together."""
    return round(float(sum((entry.get("seconds") or {}).values())), 1)


def since(paths: Paths) -> str:
    """Return when `current` was last pointed to the live release (UTC, ISO 8601), "" when nobody knows."""
    serving = paths.current_id()
    for entry in reversed(history(paths.history)):
        if entry.get("id") == serving and entry.get("outcome") in SWITCHED:
            return str(entry.get("ended") or "")
    record = paths.record(serving) if serving else None
    return record.ended if record else ""


def serving_of(paths: Paths) -> dict[str, Any]:
    """Return what of the live release is to be the same on all hosts that have the app; a host without one has no `release`."""
    release = paths.current_id()
    record = paths.record(release) if release else None
    return {
        "release": release,
        "revision": record.revision if record else "",
        "dirty": bool(record and record.dirty),
        "since": since(paths),
        "undecided": bool(fleet.undecided(paths)) and Lease.read(paths.app) is None,
    }
