# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A timer of systemd that goes on from where another one has come to.

systemd keeps the last time of a timer with Persistent= as the time of a file (stamp, systemd.timer(5)), by which it finds what
is due when the timer is started. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd

STAMPS = Path("/var/lib/systemd/timers")
MEMORY = Path("/run/systemd/system")
"""Drop-ins of units that a restart of the host takes away."""
WANTS = Path("/etc/systemd/system/timers.target.wants")
MOMENT = re.compile(r"^(\w+)=\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", re.MULTILINE)


@dataclass(frozen=True)
class Timer:
    """The timer called UNIT. CATCH_UP: a time that comes while the host is off is made up for (Persistent= of the unit)."""

    unit: str
    catch_up: bool = True

    @property
    def file(self) -> Path:
        return systemd.UNITS / self.unit

    @property
    def link(self) -> Path:
        """What has it start at boot."""
        return WANTS / self.unit

    @property
    def stamp(self) -> Path:
        return STAMPS / f"stamp-{self.unit}"

    @property
    def _drop_in(self) -> Path:
        return MEMORY / f"{self.unit}.d/persistent.conf"

    @property
    def is_active(self) -> bool:
        return systemd.is_active(self.unit)

    def enable(self) -> None:
        """Have it start at boot."""
        if not self.link.is_symlink():
            WANTS.mkdir(exist_ok=True)
            self.link.symlink_to(self.file)

    def retire(self) -> None:
        """End it, for good."""
        self.link.unlink(missing_ok=True)
        if self.is_active:
            systemd.systemctl("stop", self.unit)

    def forget(self) -> None:
        """Remove all that there is of it."""
        self.link.unlink(missing_ok=True)
        self._drop_in.unlink(missing_ok=True)
        if self._drop_in.parent.exists():
            self._drop_in.parent.rmdir()
        for path in (self.stamp, self.file):
            path.unlink(missing_ok=True)

    def since(self) -> float:
        """Return when its time came last, or from when on it has been waited for, as seconds of Unix; now if it never was."""
        found = moments(self.unit, "LastTriggerUSec", "ActiveEnterTimestamp")
        kept = self.stamp.stat().st_mtime if self.stamp.exists() else 0.0
        if not self.catch_up and kept < booted():
            kept = 0.0  # what came while the host was off is not made up for
        return found["LastTriggerUSec"] or kept or found["ActiveEnterTimestamp"] or time.time()

    def start_from(self, moment: float) -> None:
        """Start it as if its time had come last at MOMENT: what has been due since then comes at once."""
        if self.go_by_stamp():
            systemd.systemctl("daemon-reload")
        STAMPS.mkdir(parents=True, exist_ok=True)
        self.stamp.touch()
        os.utime(self.stamp, (moment, moment))
        systemd.start(self.unit)

    def go_by_stamp(self) -> bool:
        """Have it go by its stamp, without CATCH_UP until the host restarts; tell whether that is new to it."""
        if self.catch_up or self._drop_in.exists():
            return False
        self._drop_in.parent.mkdir(parents=True, exist_ok=True)
        self._drop_in.write_text("[Timer]\nPersistent=yes\n")
        return True


def moments(unit: str, *which: str) -> dict[str, float]:
    """Return times that systemd tells of a UNIT as seconds of Unix, 0 for none."""
    found = dict(MOMENT.findall(shown(unit, *which)))
    return {name: calendar.unix(found[name]) if name in found else 0.0 for name in which}


def shown(unit: str, *which: str) -> str:
    """Return properties of a UNIT, or of systemd itself, times in UTC.

    With `--timestamp=unix`, systemd 252 and 257 leave LastTriggerUSec as it is.
    """
    command = ["systemctl", "show", f"--property={','.join(which)}", *filter(None, [unit])]
    utc = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=utc).stdout


def booted() -> float:
    """Return when the host's systemd was started, as seconds of Unix."""
    return moments("", "UserspaceTimestamp")["UserspaceTimestamp"]


def loaded(pattern: str) -> set[str]:
    """Return the instances of the timers `PATTERN@` that systemd has loaded and not ended, and those that start at boot."""
    enabled = (link.name for link in WANTS.glob(f"{pattern}@*.timer"))
    return {*systemd.instances(pattern, "timer"), *map(systemd.instance_of, enabled)}


def stamped(pattern: str) -> list[str]:
    """Return the instances of the timers `PATTERN@` whose last time is known; the one whose time came last is the last."""
    found = sorted(STAMPS.glob(f"stamp-{pattern}@*.timer"), key=lambda path: path.stat().st_mtime)
    return [systemd.instance_of(path.name) for path in found]


def drop_stamps(pattern: str) -> None:
    """Forget when the time of the timers `PATTERN@` came last."""
    for path in STAMPS.glob(f"stamp-{pattern}@*.timer"):
        path.unlink(missing_ok=True)
