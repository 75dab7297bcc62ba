# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of an app that runs at times and ends: a timer of systemd, and the service that is one run.

Both are a release's own. A timer is started when its release is switched to, and goes on from where the timer of the release
before had come to: systemd keeps the last time of a timer as the time of a file (stamp), which goes over from one to the next.
The service refuses to run for a release that does not serve, and beside another run (ExecCondition= of the unit). So no time
is lost at a switch, and none comes twice; a run that is under way then goes on to its end.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._host.timer import Timer
from ansible_collections.slipway.flask.plugins.module_utils._process import names, runs, settings, turn
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.draining import Draining, left_of
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host

SETTLE_SECONDS = 10
LATE_SECONDS = 120
"""So long after its time, a schedule that has not run is overdue."""


class Schedule(Process):
    """The schedule NAME of an app."""

    files = (settings.NAME,)

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host)
        self.name = name

    # ---- its units -------------------------------------------------------------------------------------------------

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

    def write_unit(self, release: str) -> None:
        """Give RELEASE a timer and a service of its own."""
        if not self.entry(release):
            return
        for kind in ("service", "timer"):
            own = systemd.UNITS / f"{self.template}@{release}.{kind}"
            if not own.exists():
                self.host.write(own, (systemd.UNITS / f"{self.template}@.{kind}").read_text(), 0, 0, 0o644)
        self.timer(release).go_by_stamp()  # systemd has not met the timer yet

    def enable(self, release: str) -> None:
        if self.entry(release):
            self.timer(release).enable()

    def disable(self, release: str) -> None:
        self.timer(release).link.unlink(missing_ok=True)

    # ---- before the switch -----------------------------------------------------------------------------------------

    def start(self, release: str) -> None:
        """Show that RELEASE's runs can start, and that there will be one. Nothing runs before the switch."""
        if not self.entry(release):
            return
        self.write_unit(release)
        turn.show(
            self.paths.release(release), self.name, self.units(release), str(self.entry(release).get("program", ""))
        )
        try:
            never = calendar.next_time(self.expression(release)) is None
        except systemd.HostError as error:
            raise ReleaseError(f"{self.name}: {error}") from None
        if never:
            raise ReleaseError(f"{self.name} would never run: '{self.expression(release)}' never comes again")

    def gate(self, release: str) -> None:
        """There is nothing to wait for."""

    # ---- the switch, and after it ----------------------------------------------------------------------------------

    def switch_in(self, release: str, previous: str) -> None:
        self._take_over(release)

    def switch_back(self, release: str, previous: str) -> None:
        if previous:
            self._take_over(previous)

    def _take_over(self, release: str) -> None:
        """Have RELEASE's timer go on from where the one before it has come to, whichever that is."""
        mine, others = self.timer(release), sorted(self.releases() - {release})
        since, goes_on = self._since(release), mine.is_active
        for one in others:
            self.retire(one)
        self._settle(others)
        missed = runs.missed(self.app, self.name)
        if missed.exists():  # a time that has come already must not come from the stamp again
            since = max(since, missed.stat().st_mtime)
        if not self.entry(release):
            timer.drop_stamps(self.template)  # the next release that has it begins anew
        elif not goes_on:
            mine.start_from(min(since, time.time()))
        self._make_up(release)

    def _since(self, release: str) -> float:
        """Return when the time came last for which RELEASE's timer has to go on; now for a schedule that is new or changed."""
        active = [one for one in sorted(self.releases() - {release}) if self.timer(one).is_active]
        last = (active or timer.stamped(self.template) or [""])[-1]
        same = last and self.expression(last) == self.expression(release)
        return self.timer(last).since() if same else time.time()

    def _settle(self, others: list[str]) -> None:
        """Wait until it is known of each run of the OTHERS that was about to begin whether it does."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while any(map(self._is_deciding, others)) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _make_up(self, release: str) -> None:
        """Run RELEASE once if a time of another one came when that one did not serve any more."""
        missed = runs.missed(self.app, self.name)
        if missed.exists():
            if self.entry(release):
                systemd.systemctl("start", "--no-block", self.unit(release))
            missed.unlink()

    def _is_deciding(self, release: str) -> bool:
        """Tell whether a run of RELEASE has not yet begun, or has been refused and not been written down."""
        shown = systemd.properties(self.unit(release), "ActiveState", "SubState", "Job")
        waits = shown.get("ActiveState") in ("inactive", "failed") and shown.get("Job", "0") not in ("", "0")
        return waits or shown.get("SubState") in ("condition", "stop-post")

    def look_back(self, release: str, previous: str) -> None:
        """What a run comes to decides nothing about the release: it may come in a year."""

    def resume(self, release: str) -> None:
        if self.entry(release) and not self.timer(release).is_active:
            systemd.systemctl("start", self.timer(release).unit)
        self._make_up(release)

    # ---- releases that go ------------------------------------------------------------------------------------------

    def retire(self, release: str) -> None:
        """Have RELEASE's time not come again; a run that is under way goes on to its end."""
        self.timer(release).retire()

    def leave(self, release: str) -> None:
        self.retire(release)
        if not self.is_draining(release):
            self.stop(release)

    def forget(self, release: str) -> None:
        self.timer(release).forget()
        (systemd.UNITS / self.unit(release)).unlink(missing_ok=True)

    # ---- what is on the host ---------------------------------------------------------------------------------------

    def releases(self) -> set[str]:
        return {one for one in timer.loaded(self.template) | set(systemd.instances(self.template)) if self.has(one)}

    def with_unit(self) -> set[str]:
        found = (path for kind in ("service", "timer") for path in systemd.UNITS.glob(f"{self.template}@?*.{kind}"))
        return {systemd.instance_of(path.name) for path in found}

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

    # ---- how it is -------------------------------------------------------------------------------------------------

    def expression(self, release: str = "") -> str:
        """Return when RELEASE, or the next one, runs, "" for never."""
        return str(self.entry(release).get("schedule", ""))

    def outline(self, release: str = "") -> str:
        return f"{self.name} at {self.expression(release)} (next {calendar.next_told(self.expression(release))})"

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
