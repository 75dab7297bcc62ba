# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The releases of each app: which one serves, since when, and how the last deploys and rollbacks ended.

The events are series of their own, so that a graph can show them as marks; there are few, and old ones go.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._release.record import FAILED, SWITCHED, what_of

EVENTS = 20
TAIL_BYTES = 256 * 1024
"""So much of a history's end is read."""


class Releases:
    """A part of the collector."""

    name = "releases"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.config = config
        self._read: dict[str, tuple[tuple[int, int], list[dict[str, Any]]]] = {}

    def samples(self, now: float) -> Iterator[Sample]:
        for app in self.config.apps:
            yield from self._of(app)

    def _of(self, app: App) -> Iterator[Sample]:
        history = self._history(app)
        current = app.places.current_id()
        if current:
            revision = next((str(entry.get("revision", "")) for entry in history if entry.get("id") == current), "")
            yield Sample("slipway_release_info", 1, {"app": app.name, "release": current, "revision": revision[:12]},
                         help="The live release.")  # fmt: skip
        served = [entry for entry in history if entry.get("outcome") in SWITCHED and entry.get("id") == current]
        if served and (at := ended(served[-1])):
            yield Sample("slipway_release_deployed_timestamp_seconds", at, {"app": app.name},
                         help="Time at which the live release went live.")  # fmt: skip
        for entry in history[-EVENTS:]:
            labels, at = labels_of(app.name, entry), ended(entry)
            if at and labels:
                yield Sample(
                    "slipway_release_event_timestamp_seconds",
                    at,
                    labels,
                    help="Time at which a deploy or rollback ended.",
                )
                seconds = entry.get("seconds")
                took = sum(map(float, seconds.values())) if isinstance(seconds, Mapping) else 0.0
                yield Sample(
                    "slipway_release_event_seconds", round(took, 3), labels, help="Duration of the deploy or rollback."
                )

    def _history(self, app: App) -> list[dict[str, Any]]:
        """Return the end of the app's history, oldest first; it is read again when it has changed."""
        path = app.places.history
        try:
            status = path.stat()
        except OSError:
            return []
        key = (status.st_mtime_ns, status.st_size)
        if self._read.get(app.name, ((0, 0), []))[0] != key:
            self._read[app.name] = (key, list(last_lines(path)))
        return self._read[app.name][1]


def last_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries at the end of a history; what can't be read is left out."""
    with path.open("rb") as file:
        file.seek(0, 2)
        start = max(0, file.tell() - TAIL_BYTES)
        file.seek(start)
        rows = file.read(TAIL_BYTES).splitlines()
    for row in rows[bool(start) :]:
        try:
            entry = json.loads(row)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def ended(entry: Mapping[str, Any]) -> float:
    """Return when the run of an ENTRY ended (seconds of Unix), 0 when that is not known."""
    try:
        return stored.time_of(str(entry["ended"])).timestamp()
    except (KeyError, ValueError):
        return 0.0


def labels_of(app: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of a run that has ended; {} for one that was killed or goes on."""
    outcome = entry.get("outcome")
    if outcome in SWITCHED:
        how = "ok"
    elif outcome in FAILED:
        # It had been switched to: visitors met it, and then the one before again.
        how = "taken_back" if "switch" in (entry.get("seconds") or {}) else "failed"
    else:
        return {}
    what = str(entry.get("what") or what_of(entry))
    return {"app": app, "action": what, "outcome": how, "release": str(entry.get("id", ""))}
