# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of an app that nobody asks over a socket: the worker of a queue, a scheduler, a bot.

It has as many units as instances. A release's run side by side with those of the one before until that has been told to end,
and has finished what it is at (TimeoutStopSec= of its unit). One with `handover: stop_first` never runs twice: what is before
the switch only shows that it can start; after it, systemd ends the old one and starts the new one (turn.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import (
    concurrency,
    fate,
    settings,
    turn,
)
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.draining import left_of
from ansible_collections.slipway.flask.plugins.module_utils._process.look.worker import WorkerLook

STARTS = Path("/run/slipway/starts")
"""A file in here lets a release start that does not serve; it is gone after a reboot (ExecCondition= of the unit)."""
POLL_SECONDS = 0.2
NAMED = re.compile(r"^(Environment=PROCESS_NAME=)(\S+)$", re.MULTILINE)
"""The line of the unit by which an instance knows its own name."""
NEWER = re.compile(r"^X-(?=Restart(?:Steps|MaxDelaySec)=)", re.MULTILINE)
"""Before what systemd does not know before version 254, and would say so of each unit that has it."""
NEWER_SINCE = 254


class Worker(WorkerLook, Process):
    """The process NAME of an app."""

    files = (settings.NAME,)

    # ---- its units -----------------------------------------------------------------------------------------------

    def write_unit(self, release: str) -> None:
        """Give each of RELEASE's instances a unit of its own."""
        for number, unit in enumerate(self.units(release), 1):
            own = systemd.UNITS / unit
            if not own.exists():
                named = rf"\g<1>\g<2>{f'.{number}' if number > 1 else ''}"
                text = NAMED.sub(named, self.unit_file().read_text())
                self.host.write(own, NEWER.sub("", text) if systemd.version() >= NEWER_SINCE else text, 0, 0, 0o644)

    def programs(self, release: str) -> list[str]:
        entry = self.entry(release)
        return [str(entry["program"]), *entry["ready_command"][:1]] if entry else []

    def outline(self, release: str = "") -> str:
        count = int(self.entry(release).get("instances", 1))
        more = [f"{count} instances"] * (count > 1) + ["never two at once"] * self.stops_first(release)
        return self.name + (f" ({', '.join(more)})" if more else "")

    def jobs(self, cores: int) -> tuple[int, int]:
        entry = self.entry()
        processes, each = concurrency.of(str(entry.get("command", "")), cores) if entry else (0, 0)
        return int(entry.get("instances", 1)) * processes, each

    def enable(self, release: str) -> None:
        for unit in self.units(release):
            systemd.set_enabled(unit.partition("@")[0], release, True)

    def disable(self, release: str) -> None:
        for link in list(self._files(systemd.WANTS, release)):
            link.unlink(missing_ok=True)

    # ---- before the switch -----------------------------------------------------------------------------------------

    def start(self, release: str) -> None:
        """Start RELEASE's instances beside those of the one that serves, or show that they can start."""
        if not self.has(release):
            return
        self.write_unit(release)
        if self._takes_turns(release):
            turn.show(self.paths.release(release), self.name, self.units(release), str(self.entry(release)["program"]))
            return
        STARTS.mkdir(parents=True, exist_ok=True)
        self._may_start(release).touch()
        if self.is_draining(
            release
        ):  # a rollback to it: what it is at goes on, and systemd starts it when that is done
            seconds = max(map(left_of, self.units(release)))
            self.host.notes.append(
                f"{self.name} of {release} is still finishing its work, for {seconds} s at most; then it starts again"
            )
            systemd.systemctl("start", "--no-block", *self.units(release))
            return
        super().start(release)

    def _takes_turns(self, *releases: str) -> bool:
        """Tell whether one of the RELEASES, or the one that serves, must not run beside another one."""
        return any(self.stops_first(release) for release in {*releases, self.paths.current_id()} - {""})

    def _may_start(self, release: str) -> Path:
        return STARTS / f"{self.app}@{release}"

    def gate(self, release: str) -> None:
        """Wait until all instances run for long enough, have said that they are ready, or a command says so."""
        if self.has(release) and not self._takes_turns(release):
            self._gate(release)

    def _gate(self, release: str, seen: int = 0) -> None:
        """Do so; SEEN are seconds of being alive that somebody else looks at."""
        from ansible_collections.slipway.flask.plugins.module_utils._process.ready import Question

        entry, units = self.entry(release), self.units(release)
        seconds = int(entry.get("ready_seconds", 0))
        if entry.get("ready") == "command":
            question = Question(self.paths, release, self.host.request.user, self.host.request.wsgi, entry)
            for unit in units:
                if said := question.put(unit, lambda: self._look(release, "")):
                    said = self.masked(said, release)
                    raise ReleaseError(f"{said}\nThe end of the journal of {unit}:\n{self._last(unit, release)}")
        alive = max(0, seconds - seen) if entry.get("ready") == "alive" else 0
        must = f"; it must run for {alive} s" if alive else ""
        while (left := self._look(release, must) + alive - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))

    def _look(self, release: str, must: str, before: str = "") -> float:
        """Return when the youngest instance began to run. Raises ReleaseError for one that ended: MUST says what it must."""
        youngest = 0.0
        for found in map(fate.of, self.units(release)):
            if found.starts:  # it was told to while it had yet to end (start)
                continue
            if not found.runs:
                last = self._last(found.unit, release)
                raise ReleaseError(
                    f"{before}{found.said()}{must}.{self.host.hint(last)} The end of its journal:\n{last}"
                )
            youngest = max(youngest, found.since)
        return youngest

    def _last(self, unit: str, release: str) -> str:
        return self.masked(systemd.journal(unit), release)

    # ---- the switch, and after it ----------------------------------------------------------------------------------

    def switch_in(self, release: str, previous: str) -> None:
        """Have RELEASE take PREVIOUS' turn when they must not run side by side."""
        if self._takes_turns(release, previous):
            self._take(release)
            if self.has(release):  # the watch that follows sees whether it stays alive
                self._gate(release, self.host.request.watch_seconds if previous else 0)
        self._may_start(release).unlink(missing_ok=True)

    def _take(self, release: str) -> None:
        others = [unit for one in sorted(self.releases() - {release}) for unit in self.units(one)]
        turn.take(self.template, release, others, self.units(release))

    def look_back(self, release: str, previous: str) -> None:
        self._look(release, " and had to be restarted", f"after the switch, {self.name} failed: ")

    def switch_back(self, release: str, previous: str) -> None:
        """Have PREVIOUS run again if RELEASE had taken its turn."""
        if previous and self._takes_turns(release, previous):
            self._take(previous)
            if not self.is_active(previous):
                self.host.notes.append(
                    f"{self.name} of {previous} could not be restarted: see journalctl -u {self.unit(previous)}"
                )

    def wait(self) -> None:
        turn.wait(self.template)

    def resume(self, release: str) -> None:
        states = {unit: systemd.properties(unit, "ActiveState").get("ActiveState") for unit in self.units(release)}
        idle = [unit for unit, state in states.items() if state in ("inactive", "failed")]
        if idle and self._takes_turns(release, *self.releases()):  # the one before may take its time to end
            self._take(release)
        elif idle:
            systemd.systemctl("start", *idle)

    # ---- releases that go ------------------------------------------------------------------------------------------

    def forget(self, release: str) -> None:
        self.disable(release)
        for path in list(self._files(systemd.UNITS, release)):
            path.unlink()
        self._may_start(release).unlink(missing_ok=True)

    # ---- what is on the host ---------------------------------------------------------------------------------------
