# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The services and timers of the live release: do they run, and would they after a restart of the host?

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook
from ansible_collections.slipway.flask.plugins.module_utils._process.look.schedule import ScheduleLook

GOOD = ("active", "reloading", "activating")
NOT_AT_BOOT = "is not enabled: it does not start at boot"


def stopped(release: str, processes: Iterable[ProcessLook]) -> Iterator[Difference]:
    """Yield the units of RELEASE's PROCESSES that do not run or are not enabled."""
    for process in processes:
        if not process.has(release):
            continue
        if isinstance(process, ScheduleLook):
            if process.entry(release):
                yield from _unit(process.timer(release).unit, process.timer(release).link.is_symlink())
            continue
        for unit in process.units(release):
            yield from _unit(unit, (systemd.WANTS / unit).is_symlink())


def _unit(unit: str, enabled: bool) -> Iterator[Difference]:
    state = systemd.properties(unit, "ActiveState").get("ActiveState", "unknown")
    if state not in GOOD:
        yield Difference(unit, f"does not run: it is {state}")
    if not enabled:
        folder = timer.WANTS if unit.endswith(".timer") else systemd.WANTS
        yield Difference(unit, NOT_AT_BOOT if folder.is_dir() else f"{NOT_AT_BOOT}; {folder} is gone")
