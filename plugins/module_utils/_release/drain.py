# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases that serve no longer and end what they have begun: nobody waits for them but a release that wants their room.

systemd ends each of them: SIGTERM lets gunicorn finish what is open, and after TimeoutStopSec= of its unit it is killed.
It is no longer started at boot by then, and its files stay until it has ended.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError

LOOK_SECONDS = 0.1
KILLED_SECONDS = 30
"""How long processes may take to go once they have been killed; one that can't be killed hangs in the kernel."""
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
"""Units of time as `systemctl show` writes them (systemd.time(7))."""


@dataclass(frozen=True)
class Draining:
    """A RELEASE that has been told to end: its open CONNECTIONS, and the SECONDS that it still has at most."""

    release: str
    connections: int
    seconds: int

    def said(self) -> str:
        """Return it as a person reads it."""
        count = f"{self.connections} connection{'' if self.connections == 1 else 's'}"
        return f"{self.release} drains: {count}, at most {self.seconds} s more"


def draining(paths: Paths) -> list[Draining]:
    """Return the app's releases that have been told to end and have not yet, the oldest first."""
    return [_look(paths, release) for release in sorted(systemd.instances(paths.app)) if is_draining(paths, release)]


def is_draining(paths: Paths, release: str) -> bool:
    """Tell whether RELEASE has been told to end and has not yet."""
    return systemd.properties(paths.unit(release), "ActiveState").get("ActiveState") == "deactivating"


def _look(paths: Paths, release: str) -> Draining:
    unit = systemd.properties(paths.unit(release), "TimeoutStopUSec", "StateChangeTimestampMonotonic")
    begun = int(unit.get("StateChangeTimestampMonotonic") or 0) / 1e6
    left = seconds_of(unit.get("TimeoutStopUSec", "")) - (time.monotonic() - begun)
    return Draining(release, host_http.connected(paths.socket(release)), max(0, round(left)))


def seconds_of(text: str) -> float:
    """Return a span of time such as `1min 10s` in seconds; 0 for one that has no end or is unknown."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(us|ms|s|min|h|d|w)\b", text))


def retire(paths: Paths, release: str) -> None:
    """Have RELEASE end what it has begun, without waiting for it; a restart of the host does not bring it back.

    Raises HostError when systemd refuses.
    """
    systemd.set_enabled(paths.app, release, False)
    done = systemd.systemctl("stop", "--no-block", paths.unit(release))
    if done.returncode:
        raise systemd.HostError(f"systemd can't stop {paths.unit(release)}: {done.stderr.strip()}")


def wait_for(paths: Paths, one: Draining) -> None:
    """Wait until a release that drains has ended. Raises ReleaseError when it can't even be killed."""
    deadline = time.monotonic() + one.seconds + KILLED_SECONDS
    while is_draining(paths, one.release):
        if time.monotonic() > deadline:
            raise ReleaseError(
                f"release {one.release} was told to end and does not, although it was killed; see "
                f"systemctl status {paths.unit(one.release)}"
            )
        time.sleep(LOOK_SECONDS)
