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

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._process import runs, settings, turn
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.look.schedule import ScheduleLook

SETTLE_SECONDS = 10


class Schedule(ScheduleLook, Process):
    """The schedule NAME of an app."""

    files = (settings.NAME,)

    # ---- its units -------------------------------------------------------------------------------------------------

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
            raise ReleaseError(f"{self.name} would never run: '{self.expression(release)}' never occurs again")

    def gate(self, release: str) -> None:
        """There is nothing to wait for."""

    def jobs(self, cores: int) -> tuple[int, int]:
        """Return one run; another one of the release before may still be under way."""
        return (1, 1) if self.entry() else (0, 0)

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

    def with_unit(self) -> set[str]:
        found = (path for kind in ("service", "timer") for path in systemd.UNITS.glob(f"{self.template}@?*.{kind}"))
        return {systemd.instance_of(path.name) for path in found}

    # ---- how it is -------------------------------------------------------------------------------------------------

    def outline(self, release: str = "") -> str:
        return f"{self.name} at {self.expression(release)} (next {calendar.next_told(self.expression(release))})"
