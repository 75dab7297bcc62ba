# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of an app that runs at times and ends, for somebody who only looks: when it did, and when it will.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._host.timer import Timer
from ansible_collections.slipway.flask.plugins.module_utils._process import names, runs, settings
from ansible_collections.slipway.flask.plugins.module_utils._process.draining import Draining, left_of
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook

LATE_SECONDS = 120
"""So long after its time, a schedule that has not run is overdue."""


class ScheduleLook(ProcessLook):
    """The schedule that has this name."""

    def has(self, release: str = "") -> bool:
        return bool(self.entry(release)) or (bool(release) and self.timer(release).file.exists())

    def entry(self, release: str = "") -> Mapping[str, Any]:
        """Return what RELEASE, or the next one, says of the schedule; nothing when it has none of its name and kind."""
        found = settings.of(self.paths, release).get(self.name, {})
        return found if settings.kind(found) == settings.SCHEDULE else {}

    def timer(self, release: str = "") -> Timer:
        """Return what starts RELEASE's runs, or the template of it."""
        return Timer(names.timer(self.app, self.name, release), bool(self.entry(release).get("catch_up", True)))

    def units(self, release: str) -> tuple[str, ...]:
        return (self.timer(release).unit, self.unit(release)) if self.has(release) else ()

    def releases(self) -> set[str]:
        return {one for one in timer.loaded(self.template) | set(systemd.instances(self.template)) if self.has(one)}

    def is_active(self, release: str) -> bool:
        return not self.entry(release) or self.timer(release).is_active

    def is_running(self, release: str) -> bool:
        """Tell whether a run of RELEASE is under way."""
        return systemd.properties(self.unit(release), "ActiveState").get("ActiveState") in (
            "activating",
            "deactivating",
        )

    def is_draining(self, release: str) -> bool:
        """Tell whether a last run of RELEASE is under way, whose timer has been ended."""
        return not self.timer(release).is_active and self.is_running(release)

    def is_there(self, release: str) -> bool:
        return self.timer(release).is_active or self.is_running(release)

    def _drains(self, release: str) -> Draining:
        left = left_of(self.unit(release), "TimeoutStartUSec", "ExecMainStartTimestampMonotonic")
        return Draining(release, self.name, left, "run", 1, awaited=False)

    def draining(self) -> list[Draining]:
        return [self._drains(one) for one in sorted(self.releases()) if self.is_draining(one)]

    def expression(self, release: str = "") -> str:
        """Return when RELEASE, or the next one, runs, "" for never."""
        return str(self.entry(release).get("schedule", ""))

    def status(self, release: str) -> dict[str, Any]:
        """Return when it runs next, how its last run ended, and whether one is under way."""
        past, running = runs.read(self.app, self.name), self.is_running(release)
        state = systemd.properties(self.timer(release).unit, "ActiveState").get("ActiveState", "unknown")
        return {
            "state": state, "restarts": 0, "workers": 0, "memory": None, "schedule": self.expression(release),
            "running": running, "overdue": "" if running else self._overdue(release, past),
            "last": past.last.said() if past.last else "", "failed": bool(past.last and past.last.failed),
            "output": self._output(past.last, release) if past.last else "", "said": self._said(release, past, running),
        }  # fmt: skip

    def _output(self, last: runs.Run, release: str) -> str:
        """Return what the LAST run printed without secrets: those of its own release, and RELEASE's."""
        return self.masked(self.masked(last.output, last.release), release)

    def _said(self, release: str, past: runs.Runs, running: bool) -> str:
        """Return how RELEASE's runs are in one line."""
        now = "a run is under way" if running else f"next {calendar.next_told(self.expression(release))}"
        return f"{self.name}: {now}; {past.said()}"

    def _overdue(self, release: str, past: runs.Runs) -> str:
        """Return when RELEASE, of which no run is under way, should have run and has not, "" when it is in time."""
        began = timer.moments(self.timer(release).unit, "ActiveEnterTimestamp")
        known = max(past.last.started if past.last else 0, past.skipped, began["ActiveEnterTimestamp"])
        if not known:
            return ""
        late = float(self.entry(release).get("jitter_seconds", 0)) + LATE_SECONDS
        return calendar.passed(self.expression(release), known, time.time() - late)

    def problems(self, release: str, found: dict[str, Any]) -> list[str]:
        said = []
        if found["state"] != "active":
            unit = self.timer(release).unit
            said.append(f"{unit} is {found['state']}, so {self.name} never runs; see journalctl -u {unit}")
        if found["overdue"]:
            said.append(f"{self.name} should have run at {found['overdue']} and has not")
        if found["failed"]:
            tail = f". Its last lines:\n{found['output']}" if found["output"] else ""
            said.append(f"{self.name}: the last run {found['last']}{tail}")
        return said
