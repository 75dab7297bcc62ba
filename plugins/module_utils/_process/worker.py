# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of an app that nobody asks over a socket: the worker of a queue, a scheduler, a bot.

It has as many units as instances. A release's run side by side with those of the one before until that has been told to end,
and has finished what it is at (TimeoutStopSec= of its unit). One with `handover: stop_first` never runs twice: what is before
the switch only proves that it can start, and after it systemd ends the old one and starts the new one, whatever becomes of
the run.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox, systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import names, settings, usage
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host

STARTS = Path("/run/slipway/starts")
"""A file in here lets a release start that does not serve; it is gone after a reboot (ExecCondition= of the unit)."""
POLL_SECONDS = 0.2
ASK_SECONDS = 1
"""Pause between two runs of a command that tells whether a process is ready."""
NAMED = re.compile(r"^(Environment=PROCESS_NAME=)(\S+)$", re.MULTILINE)
"""The line of the unit by which an instance knows its own name."""


class Worker(Process):
    """The process NAME of an app."""

    files = (settings.NAME,)

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host)
        self.name = name

    # ---- its units -----------------------------------------------------------------------------------------------

    @property
    def templates(self) -> tuple[str, ...]:
        return (self.template, f"{self.template}.*")

    def has(self, release: str = "") -> bool:
        return bool(self.entry(release)) if not release else bool(self.units(release))

    def entry(self, release: str = "") -> Mapping[str, Any]:
        """Return what RELEASE, or the next one, says of the process; nothing when it has none of its name and kind."""
        found = settings.of(self.paths, release).get(self.name, {})
        return found if settings.kind(found) == settings.WORKER else {}

    def units(self, release: str) -> tuple[str, ...]:
        """Return the units of RELEASE's instances, and those of which there is still a file."""
        if settings.kind(settings.of(self.paths, release).get(self.name, {})) != settings.WORKER:
            return ()
        count = int(self.entry(release).get("instances", 1)) if self.entry(release) else 0
        wanted = [names.unit(self.app, self.name, release, number) for number in range(1, count + 1)]
        there = sorted(path.name for one in self.templates for path in systemd.UNITS.glob(f"{one}@{release}.service"))
        return tuple(dict.fromkeys([*wanted, *there]))

    def write_unit(self, release: str) -> None:
        """Give each of RELEASE's instances a unit of its own."""
        for number, unit in enumerate(self.units(release), 1):
            own = systemd.UNITS / unit
            if not own.exists():
                named = rf"\g<1>\g<2>{f'.{number}' if number > 1 else ''}"
                self.host.write(own, NAMED.sub(named, self.unit_file().read_text()), 0, 0, 0o644)

    def enable(self, release: str) -> None:
        for unit in self.units(release):
            systemd.set_enabled(unit.partition("@")[0], release, True)

    def disable(self, release: str) -> None:
        for link in [link for one in self.templates for link in systemd.WANTS.glob(f"{one}@{release}.service")]:
            link.unlink(missing_ok=True)

    # ---- before the switch -----------------------------------------------------------------------------------------

    def start(self, release: str) -> None:
        """Start RELEASE's instances beside those of the one that serves, or show that they can start."""
        if not self.has(release):
            return
        if self._is_alone(release):
            self.write_unit(release)
            self._show(release)
            return
        self._let_start(release)
        super().start(release)

    def _is_alone(self, *releases: str) -> bool:
        """Tell whether one of the RELEASES, or the one that serves, must not run beside another one."""
        return any(self.stops_first(release) for release in {*releases, self.paths.current_id()} - {""})

    def _let_start(self, release: str) -> None:
        STARTS.mkdir(parents=True, exist_ok=True)
        (STARTS / f"{self.app}@{release}").touch()

    def _show(self, release: str) -> None:
        """Raise ReleaseError when RELEASE can't start, as far as that can be seen without doing it."""
        for unit in self.units(release):
            found = systemd.properties(unit, "LoadState", "LoadError")
            if found.get("LoadState", "loaded") != "loaded":
                raise ReleaseError(f"systemd can't load {unit}: {found.get('LoadError') or found['LoadState']}")
        program = str(self.entry(release).get("program", ""))
        if not settings.has_program(self.paths.release(release), program):
            raise ReleaseError(f"{self.name} can't start: there is no program '{program}' in the release's environment")

    def gate(self, release: str) -> None:
        """Wait until all instances run for long enough, have said that they are ready, or a command says so."""
        if self.has(release) and not self._is_alone(release):
            self._gate(release)

    def _gate(self, release: str) -> None:
        entry = self.entry(release)
        seconds = float(entry.get("ready_seconds", 0))
        if command := entry.get("ready_command"):
            self._ask(release, list(command), seconds)
        while (left := self._left(release, seconds if entry.get("ready") == "alive" else 0)) > 0:
            time.sleep(min(left, POLL_SECONDS))

    def _left(self, release: str, seconds: float) -> float:
        """Return how long the youngest instance has yet to run for SECONDS. Raises ReleaseError when one has ended."""
        youngest = 0.0
        for unit in self.units(release):
            shown = systemd.properties(unit, "ActiveState", "NRestarts", "ActiveEnterTimestampMonotonic")
            if shown.get("ActiveState") != "active" or shown.get("NRestarts", "0") != "0":
                raise ReleaseError(self._ended(unit, release, f"it must run for {seconds:g} s" if seconds else ""))
            youngest = max(youngest, int(shown.get("ActiveEnterTimestampMonotonic") or 0) / 1e6)
        return youngest + seconds - time.monotonic()

    def _ask(self, release: str, command: list[str], seconds: float) -> None:
        """Run COMMAND beside each instance until it succeeds."""
        deadline = time.monotonic() + seconds
        for unit in self.units(release):
            while True:
                self._left(release, 0)
                left = max(1, round(deadline - time.monotonic()))
                done = self._command(release, unit, left).run(
                    ["/usr/bin/env", *command], f"{self.template}-ready-{release}.service"
                )
                if not done.returncode:
                    break
                if time.monotonic() > deadline:
                    said = self.masked(systemd.tail(done.stdout + done.stderr), release)
                    raise ReleaseError(
                        f"{unit} was not ready within {seconds:g} s: `{command[0]}` ended with status {done.returncode}. "
                        f"Its last lines:\n{said}\nThe end of the journal:\n{self._last(unit, release)}"
                    )
                time.sleep(ASK_SECONDS)

    def _command(self, release: str, unit: str, seconds: int) -> sandbox.Command:
        """Return how a command runs beside a UNIT: with its environment, in its sandbox."""
        here = self.paths.release(release)
        environment = {
            "PATH": f"{here}/venv/bin:/usr/local/bin:/usr/bin:/bin", "VIRTUAL_ENV": f"{here}/venv", "RELEASE_ID": release,
            "HOME": "/tmp", "PROCESS_NAME": unit.partition("@")[0].partition(".")[2],
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        own = {name: str(value).replace("%i", release) for name, value in self.entry(release)["environment"].items()}
        return sandbox.Command(
            user=self.host.request.user, folder=here / "src", environment_file=self.paths.environment_file(release),
            environment={**environment, **own}, seconds=seconds, service=unit,
        )  # fmt: skip

    def _ended(self, unit: str, release: str, must: str) -> str:
        from ansible_collections.slipway.flask.plugins.module_utils._python import hints

        last = self._last(unit, release)
        rule = f"; {must}" if must else ""
        why = "was killed for its memory" if self._ran_out(unit) else "ended"
        return f"{unit} {why}{rule}.{hints.hint(last)} The end of its journal:\n{last}"

    def _ran_out(self, unit: str) -> bool:
        return systemd.properties(unit, "Result").get("Result") == "oom-kill"

    def _last(self, unit: str, release: str) -> str:
        return self.masked(systemd.journal(unit), release)

    # ---- the switch, and after it ----------------------------------------------------------------------------------

    def switch_in(self, release: str, previous: str) -> None:
        """Have RELEASE take PREVIOUS' place when they must not run side by side."""
        if self._is_alone(release, previous):
            self._take_over(release)
            if self.has(release):
                self._gate(release)
        (STARTS / f"{self.app}@{release}").unlink(missing_ok=True)

    def _take_over(self, release: str) -> None:
        """Have systemd end all other releases and start RELEASE then, also when nobody waits for it any more."""
        others = [unit for one in sorted(self.releases() - {release}) for unit in self.units(one)]
        mine = self.units(release)
        if mine and not others and self.is_active(release):
            return
        script = "; ".join(
            f"systemctl {what} {' '.join(units)}"
            for what, units in (("stop", others), ("reset-failed", mine), ("start", mine)) if units
        )  # fmt: skip
        if script:
            subprocess.run(
                ["systemd-run", "--quiet", "--wait", "--collect", f"--unit={self._handover}",
                 f"--description=Hands {self.template} over to release {release}", "/bin/sh", "-c", script],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip

    @property
    def _handover(self) -> str:
        return f"{self.template}-handover.service"

    def look_back(self, release: str, previous: str) -> None:
        for unit in self.units(release):
            shown = systemd.properties(unit, "ActiveState", "NRestarts")
            if shown.get("ActiveState") != "active" or shown.get("NRestarts", "0") != "0":
                last = self._last(unit, release)
                raise ReleaseError(
                    f"after the switch, {self.name} ended and had to be started again ({unit}). "
                    f"The end of its journal:\n{last}"
                )

    def switch_back(self, release: str, previous: str) -> None:
        """Have PREVIOUS run again if RELEASE had taken its place."""
        if previous and self._is_alone(release, previous):
            self._take_over(previous)
            if not self.is_active(previous):
                self.host.notes.append(
                    f"{self.name} of {previous} could not be started again: journalctl -u {self.unit(previous)} has the reason"
                )

    def wait(self) -> None:
        while systemd.is_active(self._handover):
            time.sleep(POLL_SECONDS)

    def resume(self, release: str) -> None:
        for unit in self.units(release):
            if systemd.properties(unit, "ActiveState").get("ActiveState") in ("inactive", "failed"):
                systemd.systemctl("start", "--no-block", unit)

    # ---- releases that go ------------------------------------------------------------------------------------------

    def forget(self, release: str) -> None:
        self.disable(release)
        for one in self.templates:
            for path in systemd.UNITS.glob(f"{one}@{release}.service"):
                path.unlink()
        (STARTS / f"{self.app}@{release}").unlink(missing_ok=True)

    # ---- what is on the host ---------------------------------------------------------------------------------------

    def status(self, release: str) -> dict[str, Any]:
        """Return how the instances are, together; `instances` has each of them."""
        found = {unit: usage.of_unit(unit) for unit in self.units(release)}
        sizes = [one["memory"] for one in found.values() if one["memory"] is not None]
        return {
            "state": next((one["state"] for one in found.values() if one["state"] != "active"), "active"),
            "restarts": sum(one["restarts"] for one in found.values()),
            "workers": sum(one["workers"] for one in found.values()),
            "memory": sum(sizes) if sizes else None,
            "instances": found,
        }

    def problems(self, release: str, found: dict[str, Any]) -> list[str]:
        return [
            f"{unit} is {one['state']}; see journalctl -u {unit}"
            for unit, one in found["instances"].items()
            if one["state"] != "active"
        ]
