# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The interface of an app's processes, as the release engine uses them: a service per release, and how it is handed over.

An app is a list of processes (members.py): `web`, and those that its description names. A stage of a run is a loop over them,
and so are recovery after a kill, the removal of a release, and the status; the engine knows them only by this class.
A release may lack a process that another one has: for it, the process has no units, and all of its methods do nothing.

To add a type of process (a worker, a timer), add a file next to this one with a subclass of `Process`, a template unit that a
role writes to /etc/systemd/system/<template>@.service (`template`), and its place in `members.processes_of`. What can be read
without changing anything is in a class of its own (look/, `look/members.py`), the only part that is sent for a status. The
subclass has to provide

- `name`, unique among the app's processes: its units are `<app>.<name>@<release>.service`, because an app's name has no dot;
- `gate(release)`: wait until the release is ready next to the live one, and raise ReleaseError if it will never be;
- and whatever differs from a plain service: `units`, with `enable`, `disable`, `releases` and `with_unit`, for several
  instances or another type of unit (a timer); `files` for settings files of its own; `busy` for work that it must have
  accepted before it is stopped; `open_work` for what is reported while it drains; `watch` and `look_back` for signs of
  trouble besides a restarted service; `start` and `switch_in` if two must never run at the same time (`handover:
  stop_first`): `start` then only shows that it can start, and `switch_in` stops the old one and starts the new one.

The order of a deploy, each step a loop over all processes: prepare (fetch), start, gate, enable and, once `current` points to
the release, switch_in (switch), verify, watch, drain. If a step before the switch fails, the release is removed; after the
switch, switch_back is called, in the order of the processes. A run may be killed at any point: every method must be safe to
call again, and whatever is left of a release that is not live is found by `releases` and stopped by `leave`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook

STOP_FIRST = "stop_first"
HANDOVER = re.compile(r"^X-Handover=(\w+)\s*$", re.MULTILINE)
"""How a unit says how it is handed over: systemd leaves settings with `X-` alone (systemd.syntax(7))."""
LOOK_SECONDS = 0.5
"""Time between two looks at a process that is watched."""


class Process(ProcessLook, ABC):
    """One process of an app. HOST is what the run gives it; a RELEASE is always an id."""

    files: ClassVar[tuple[str, ...]] = ()
    """What of the app's settings is this process's own: it can't run without, and nothing is filled in in it."""

    def __init__(self, host: Host, name: str = "") -> None:
        super().__init__(host.paths, host.request.health, name)
        self.host = host

    # ---- its units -----------------------------------------------------------------------------------------------

    def unit_file(self, release: str = "") -> Path:
        """Return the file of the template that the next release gets a copy of, or RELEASE's own copy."""
        return systemd.unit_file(self.template, release)

    @property
    def title(self) -> str:
        """What its unit is called in a plan."""
        return f"{self.name} unit"

    def unit_text(self, text: str) -> str:
        """Return the TEXT of a release's own unit with what this version of the collection has in addition."""
        return text

    def handover(self, release: str = "") -> str:
        """Return what the unit of RELEASE, or of the next one, says of the handover: `overlap`, `stop_first`, "" for nothing."""
        try:
            return handover_of(self.unit_file(release).read_text())
        except OSError:
            return ""

    def stops_first(self, release: str = "") -> bool:
        """Tell whether RELEASE, or the next one, must never run beside another one."""
        return self.handover(release) == STOP_FIRST

    def lets_in(self, user: str, release: str) -> bool:
        """Tell whether RELEASE needs no group of the app's to let the web server's USER reach what it has to."""
        return True

    def switches(self, release: str) -> bool:
        """Tell whether `start` and `switch_back` of RELEASE point `current` by themselves. Then one process of an app does."""
        return False

    # ---- a run -----------------------------------------------------------------------------------------------------

    def prepare(self, release: str) -> None:
        """Lay out what the process needs in RELEASE's folder, when its settings are there."""

    def programs(self, release: str) -> list[str]:
        """Return the programs that RELEASE runs beside those that its description names elsewhere."""
        return []

    def outline(self, release: str = "") -> str:
        """Return what is told of the process of RELEASE, or of the next one; "" for one that each app has."""
        return ""

    def question(self, release: str) -> dict[str, Any]:
        """Return what the check has to ask so that the database connections of this process can be reckoned."""
        return {}

    def jobs(self, cores: int) -> tuple[int, int]:
        """Return how many processes the next release's has on a host with CORES, and what each of them does at a time.

        Each job may hold a database connection. This is beyond what the answer to its question tells.
        """
        return 0, 0

    def write_unit(self, release: str) -> None:
        """Give RELEASE a unit of its own, which no later change of the template touches.

        systemd reads the new file by itself, for it has not met that name yet: no reload of all units is needed.
        """
        own = self.unit_file(release)
        before = own.read_text() if own.exists() else ""
        text = self.unit_text(before or self.unit_file().read_text())
        if text != before:
            self.host.write(own, text, 0, 0, 0o644)
            if before:  # systemd has met it
                systemd.systemctl("daemon-reload")

    def start(self, release: str) -> None:
        """Start RELEASE beside the one that serves and wait until it says that it runs. Raises ReleaseError."""
        self.write_unit(release)
        for unit in self.units(release):
            try:
                systemd.start(unit)
            except systemd.HostError as error:
                raise ReleaseError(self.masked(str(error), release)) from error

    @abstractmethod
    def gate(self, release: str) -> None:
        """Wait until RELEASE is ready for what it is there for. Raises ReleaseError when it will not be."""

    def enable(self, release: str) -> None:
        """Have RELEASE start at boot."""
        systemd.set_enabled(self.template, release, True)

    def disable(self, release: str) -> None:
        """Have RELEASE not start at boot."""
        systemd.set_enabled(self.template, release, False)

    def switch_in(self, release: str, previous: str) -> None:
        """Do what has to follow at once when `current` has been pointed from PREVIOUS ("" for none) at RELEASE."""

    def verify(self, release: str) -> None:
        """Look at RELEASE as whoever uses it does. Raises ReleaseError."""

    def watch(self, release: str, previous: str, seconds: float) -> None:
        """Look after RELEASE for SECONDS, at least once. Raises ReleaseError when it does worse than PREVIOUS."""
        deadline = time.monotonic() + seconds
        while True:
            self.look_back(release, previous)
            if (left := deadline - time.monotonic()) <= 0:
                return
            time.sleep(min(left, LOOK_SECONDS))

    def look_back(self, release: str, previous: str) -> None:
        """Judge RELEASE, which has been serving, by what can be seen of that. Raises ReleaseError as `watch` does."""
        if not self.ran_through(release):
            last = self.masked(systemd.journal(self.unit(release)), release)
            raise ReleaseError(
                f"after the switch, {self.name} ended and had to be restarted. The end of its journal:\n{last}"
            )

    def ran_through(self, release: str) -> bool:
        """Tell whether RELEASE runs, and has since it was started."""
        shown = [systemd.properties(unit, "ActiveState", "NRestarts") for unit in self.units(release)]
        return all(one.get("ActiveState") == "active" and one.get("NRestarts", "0") == "0" for one in shown)

    def switch_back(self, release: str, previous: str) -> None:
        """Do what has to follow when `current` has been pointed from RELEASE back at PREVIOUS, "" for nowhere."""

    def busy(self, release: str) -> bool:
        """Tell whether there is still work for RELEASE that it must take in before it is told to end."""
        return False

    def drain(self, previous: str, release: str) -> None:
        """Have PREVIOUS end what it has begun, now that RELEASE has taken its place; nobody waits for the end of that."""
        self.retire(previous)

    # ---- releases that go ------------------------------------------------------------------------------------------

    def retire(self, release: str) -> None:
        """Have RELEASE end what it has begun, without waiting for it; a restart of the host does not bring it back.

        Raises HostError when systemd refuses.
        """
        self.disable(release)
        for unit in self.units(release):
            done = systemd.systemctl("stop", "--no-block", unit)
            if done.returncode:
                raise systemd.HostError(f"systemd can't stop {unit}: {done.stderr.strip()}")

    def wait(self) -> None:
        """Wait for the end of what a run that was killed has left to systemd."""

    def leave(self, release: str) -> None:
        """End RELEASE, which does not serve, as far as it runs: what a run that was killed has left."""
        if any(map(systemd.is_active, self.units(release))):
            self.retire(release)
        elif not self.is_draining(release):
            self.stop(release)
        self.disable(release)

    def resume(self, release: str) -> None:
        """Start what of RELEASE, which serves, does not run: what a run that was killed has ended and not started again."""

    def stop(self, release: str) -> None:
        """End RELEASE and wait until it has ended."""
        systemd.stop(*self.units(release))

    def forget(self, release: str) -> None:
        """Remove all that is left of RELEASE, which does not run, outside of its folders."""
        self.disable(release)
        self.unit_file(release).unlink(missing_ok=True)

    def clear(self, serving: str) -> None:
        """Remove what releases that have ended left in memory; SERVING is the one that serves."""

    # ---- what is on the host ---------------------------------------------------------------------------------------

    def with_unit(self) -> set[str]:
        """Return the releases that have a unit of their own."""
        found = (path for template in self.templates for path in systemd.UNITS.glob(f"{template}@?*.service"))
        return {systemd.instance_of(path.name) for path in found}


def handover_of(text: str) -> str:
    """Return what the TEXT of a unit says of the handover: `overlap`, `stop_first`, or "" when it says nothing."""
    match = HANDOVER.search(text)
    return match[1] if match else ""


def alone(processes: Iterable[Process], *releases: str) -> bool:
    """Tell whether one of the PROCESSES moves `current` by itself, now ("") or in one of the RELEASES: it must not run twice."""
    return any(process.switches(release) for process in processes for release in releases or ("",))
