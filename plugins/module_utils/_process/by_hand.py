# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A run of a schedule that a person asks for: it goes through the same unit as all others.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import runs
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook
from ansible_collections.slipway.flask.plugins.module_utils._process.look.schedule import ScheduleLook


def named(processes: Iterable[ProcessLook], name: str, release: str) -> ScheduleLook:
    """Return the schedule NAME of RELEASE. Raises ReleaseError when it has none."""
    found = {one.name: one for one in processes if isinstance(one, ScheduleLook) and one.entry(release)}
    if name not in found:
        there = f"; it has {', '.join(found)}" if found else ""
        raise ReleaseError(f"release {release} has no schedule '{name}' on this host{there}")
    return found[name]


def run(schedule: ScheduleLook, release: str) -> tuple[int, str, str]:
    """Run SCHEDULE of RELEASE, or wait for the run of it that is under way; return its exit status, what it printed, its end.

    Raises ReleaseError when another release's run is under way, or it can't be started.
    """
    unit, before = schedule.unit(release), runs.read(schedule.app, schedule.name).last
    done = systemd.systemctl("start", unit)
    last = runs.read(schedule.app, schedule.name).last
    if last is None or last == before:
        if done.returncode:
            raise ReleaseError(f"{unit} did not start: {done.stderr.strip()}")
        raise ReleaseError(
            f"{schedule.name} was not run: a run of an older release is under way, and there is never more than one"
        )
    printed = systemd.printed(last.invocation)
    status = int(last.status) if last.status.isdecimal() else 0
    return (status or 1) if last.failed else 0, printed, last.end
