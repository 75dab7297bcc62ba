# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How near to its limits gunicorn is: threads that are busy, visitors who wait at its socket, workers that ended.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import stored, unix_sockets
from ansible_collections.slipway.flask.plugins.module_utils._metrics import saturation
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._metrics.saturation import Saturation
from ansible_collections.slipway.flask.plugins.module_utils._process.look.web import WebLook

COUNTERS = {
    "exits": ("slipway_gunicorn_worker_restarts_total", "Number of workers that ended, for any reason."),
    "timeouts": ("slipway_gunicorn_worker_timeouts_total", "Number of workers that were killed because they hung."),
    "crashes": (
        "slipway_gunicorn_worker_crashes_total",
        "Number of workers killed by something else, such as a lack of memory.",
    ),
    "busy_seconds": ("slipway_gunicorn_busy_seconds_total", "Time for which threads were busy with requests."),
}
GAUGES = (
    ("slipway_gunicorn_workers", "Number of running workers."),
    ("slipway_gunicorn_threads", "Maximum number of concurrent requests."),
    ("slipway_gunicorn_threads_busy", "Average number of concurrent requests since the last collection."),
    ("slipway_gunicorn_worker_oldest_seconds", "Age of the oldest worker."),
)
MOST_SEEN = 32
"""Releases of an app that run at the same time are two, or a few that drain."""


class Gunicorn:
    """The part of the collector."""

    name = "gunicorn"
    every = 15.0

    def __init__(self, config: Config, run: Path | None = None) -> None:
        self.state, self.written = config.state / "gunicorn.json", ""
        saved = stored.read(self.state)
        self.servers = [Server(app, saved.get(app.name), run) for app in config.apps]

    def samples(self, now: float) -> Iterable[Sample]:
        for server in self.servers:
            yield from server.samples(time.monotonic())
        state = json.dumps({server.app: server.totals.saved() for server in self.servers})
        if state != self.written:
            with suppress(OSError):
                stored.write(self.state, state)
                self.written = state


@dataclass
class Totals:
    """What all masters of an app have counted together, each from 0: a release that ends takes nothing away."""

    of: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0.0))
    seen: dict[str, dict[str, float]] = field(default_factory=dict)
    """What each master that still runs had counted at the last look."""

    @classmethod
    def loaded(cls, saved: Any) -> Totals:
        """Return those that were SAVED; what can't be read is 0."""
        with suppress(TypeError, ValueError, AttributeError, KeyError):
            if isinstance(saved, Mapping):
                return cls(
                    {name: float(saved["of"][name]) for name in COUNTERS},
                    {key: {name: float(one[name]) for name in COUNTERS} for key, one in saved["seen"].items()},
                )
        return cls()

    def saved(self) -> dict[str, Any]:
        """Return them for JSON."""
        return {"of": self.of, "seen": self.seen}

    def add(self, found: Iterable[Saturation]) -> None:
        """Take in what the masters that run say now."""
        seen = {}
        for one in list(found)[:MOST_SEEN]:
            key = f"{one.master[0]:.0f}:{one.master[1]:.3f}"
            seen[key] = {name: float(getattr(one, name)) for name in COUNTERS}
            for name, value in seen[key].items():
                self.of[name] += max(0.0, value - self.seen.get(key, {}).get(name, 0.0))
        self.seen = seen


class Server:
    """The gunicorn of one APP: one that serves, and those that finish what they had begun."""

    def __init__(self, app: App, saved: Any, run: Path | None) -> None:
        self.app, self.run = app.name, (run or Path("/run")) / app.name
        self.places, self.totals = app.places, Totals.loaded(saved)
        self.web = WebLook(app.places, Health())
        self.before: tuple[tuple[float, float], float, float] | None = None
        """Of the last look: which master served, when that was, and how many seconds its threads had been busy."""

    def samples(self, now: float) -> Iterator[Sample]:
        """Yield the app's samples; NOW is time.monotonic()."""
        serving = self.places.current_id()
        if not serving:
            return
        own = {"app": self.app}
        told = unix_sockets.backlog(self.web.socket(serving))
        yield Sample(
            "slipway_gunicorn_backlog", told, own, help="Number of connections waiting to be accepted by a worker."
        )
        found = {folder.name: saturation.read(folder, now) for folder in self._folders()}
        self.totals.add(one for one in found.values() if one)
        for name, (series, help_) in COUNTERS.items():
            yield Sample(series, round(self.totals.of[name], 3), own, "counter", help_)
        one = found.get(serving)
        if one:
            oldest = min((worker.since for worker in one.workers), default=now)
            values = (len(one.workers), one.threads, self._busy(one, now), max(0.0, now - oldest))
            for (series, help_), value in zip(GAUGES, values, strict=True):
                yield Sample(series, round(value, 3), own, help=help_)

    def _busy(self, one: Saturation, now: float) -> float:
        """Return how many threads were busy since the last look, on average: what is busy by chance says little."""
        before, self.before = self.before, (one.master, now, one.busy_seconds)
        busy = sum(worker.busy for worker in one.workers)
        if before and before[0] == one.master and now > before[1]:
            busy = (one.busy_seconds - before[2]) / (now - before[1])
        return min(max(busy, 0.0), float(one.threads))

    def _folders(self) -> list[Path]:
        """Return the runtime folders of the releases that run."""
        with suppress(OSError):
            return sorted(folder for folder in self.run.iterdir() if folder.is_dir())[-MOST_SEEN:]
        return []
