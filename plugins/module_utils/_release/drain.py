# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases that serve no longer and end what they have begun: nobody waits for them but a release that wants their room.

systemd ends each of their processes: SIGTERM lets it finish what is open, and after TimeoutStopSec= of its unit it is killed.
It is no longer started at boot by then, and its files stay until it has ended.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ansible_collections.slipway.flask.plugins.module_utils._process.draining import Draining
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError

LOOK_SECONDS = 0.1
KILLED_SECONDS = 30
"""How long processes may take to go once they have been killed; one that can't be killed hangs in the kernel."""


def draining(processes: Iterable[ProcessLook]) -> list[Draining]:
    """Return what of an app's PROCESSES has been told to end and has not yet, the oldest release first."""
    found = [one for process in processes for one in process.draining()]
    return sorted(found, key=lambda one: one.release)


def wait_for(processes: Iterable[ProcessLook], one: Draining) -> None:
    """Wait until a release that drains has ended. Raises ReleaseError when it can't even be killed."""
    deadline = time.monotonic() + one.seconds + KILLED_SECONDS
    same = [process for process in processes if process.name == one.process]  # a schedule may have been a worker before
    process = next((process for process in same if process.is_draining(one.release)), same[0])
    while process.is_draining(one.release):
        if time.monotonic() > deadline:
            raise ReleaseError(
                f"release {one.release} was told to stop but still runs, although it was killed; see "
                f"systemctl status {process.unit(one.release)}"
            )
        time.sleep(LOOK_SECONDS)
