# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The processes of each app's live release: whether they run, and what they take of the host.

systemd is asked once for all of them. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._process import names, runs, settings, usage

PROPERTIES = (
    "Id", "ActiveState", "NRestarts", "MemoryCurrent", "MemoryMax", "CPUUsageNSec", "LimitNOFILE", "ControlGroup",
)  # fmt: skip
SECONDS = 8
NONE = 2**63
"""systemd's "no limit" and "not set", as numbers, are greater."""
CGROUPS, PROC = Path("/sys/fs/cgroup"), Path("/proc")
MOST_PROCESSES = 256
"""Of one unit, whose open files are counted."""
MOST_FILES = 200_000
"""Of all of them together: an app may have a process open the same file again and again."""


@dataclass(frozen=True)
class Wanted:
    """One unit that the live release has."""

    app: str
    process: str
    unit: str

    @property
    def labels(self) -> dict[str, str]:
        return {"app": self.app, "process": self.process, "unit": self.unit}


class Processes:
    """A part of the collector."""

    name = "processes"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.config = config

    def samples(self, now: float) -> Iterator[Sample]:
        wanted = [one for app in self.config.apps for one in units(app)]
        counts: dict[tuple[str, str], int] = {}
        for one in wanted:
            counts[one.app, one.process] = counts.get((one.app, one.process), 0) + 1
        for (name, process), count in counts.items():
            yield Sample("slipway_process_wanted", count, {"app": name, "process": process},
                         help="Number of units of the process in the live release.")  # fmt: skip
        shown = show([one.unit for one in wanted])
        for one in wanted:
            yield from _of_unit(one, shown.get(one.unit, {}))


def units(app: App) -> Iterator[Wanted]:
    """Yield the units of the app's release that serves; of a schedule, the timer."""
    release = app.places.current_id()
    if not release:
        return
    if settings.has_web(app.places, release):
        yield Wanted(app.name, names.WEB, names.unit(app.name, names.WEB, release))
    for process, entry in settings.of(app.places, release).items():
        if process == names.WEB:
            continue
        if settings.kind(entry) == settings.SCHEDULE:
            yield Wanted(app.name, process, names.timer(app.name, process, release))
        else:
            for number in range(1, int(entry.get("instances") or 1) + 1):
                yield Wanted(app.name, process, names.unit(app.name, process, release, number))


def show(wanted: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what systemd says of the units WANTED, by their name."""
    if not wanted:
        return {}
    command = ["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *wanted]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    found = (dict(row.split("=", 1) for row in block.splitlines() if "=" in row) for block in said.split("\n\n"))
    return {one["Id"]: one for one in found if "Id" in one}


def number(shown: Mapping[str, str], name: str) -> int | None:
    """Return a property that is a number; None for one that is not set, or without a limit."""
    text = shown.get(name, "")
    return int(text) if text.isdigit() and int(text) < NONE else None


def _of_unit(one: Wanted, shown: Mapping[str, str]) -> Iterator[Sample]:
    labels = one.labels
    is_up = shown.get("ActiveState") in ("active", "reloading")
    yield Sample(
        "slipway_process_up", float(is_up), labels, help="Whether the unit is running; for a schedule, its timer."
    )
    if one.unit.endswith(".timer"):
        yield from _of_runs(one)
        return
    yield Sample("slipway_process_restarts_total", number(shown, "NRestarts") or 0, labels, "counter",
                 "Number of restarts by systemd.")  # fmt: skip
    pids = processes_of(shown.get("ControlGroup", ""))
    memory = number(shown, "MemoryCurrent")
    if memory is None and pids:  # a kernel without a memory controller
        memory = sum(usage.memory(pid) or 0 for pid in pids)
    if memory is not None and is_up:
        yield Sample("slipway_process_memory_bytes", memory, labels, help="Memory usage of all processes of the unit.")
    if (most := number(shown, "MemoryMax")) is not None:
        yield Sample(
            "slipway_process_memory_max_bytes",
            most,
            labels,
            help="Memory limit, beyond which the kernel kills a process.",
        )
    if (spent := number(shown, "CPUUsageNSec")) is not None:
        yield Sample(
            "slipway_process_cpu_seconds_total",
            round(spent / 1e9, 3),
            labels,
            "counter",
            "CPU time of all processes of the unit.",
        )
    if pids:
        yield Sample("slipway_process_open_files", most_open(pids), labels,
                     help="Number of open files of the process that has the most.")  # fmt: skip
        if (files := number(shown, "LimitNOFILE")) is not None:
            yield Sample("slipway_process_open_files_max", files, labels, help="Limit of open files per process.")


def processes_of(group: str) -> list[int]:
    """Return the processes of a control GROUP and of those below it."""
    if not group.strip("/"):
        return []
    found: list[int] = []
    for file in sorted((CGROUPS / group.strip("/")).glob("**/cgroup.procs")):
        with suppress(OSError, ValueError):
            found += map(int, file.read_text().split())
    return found[:MOST_PROCESSES]


def most_open(pids: Sequence[int]) -> int:
    """Return how many files the process has open that has the most of PIDS, as far as they are counted."""
    most, left = 0, MOST_FILES
    for pid in pids:
        if left <= 0:
            break
        count = open_files(pid, left)
        most, left = max(most, count), left - count
    return most


def open_files(pid: int, most: int = MOST_FILES) -> int:
    """Return how many files a process has open, MOST of them counted, 0 for one that has ended."""
    try:
        with os.scandir(PROC / str(pid) / "fd") as found:
            return sum(1 for _ in islice(found, most))
    except OSError:
        return 0


def _of_runs(one: Wanted) -> Iterator[Sample]:
    """Yield how the runs of a schedule ended."""
    past, labels = runs.read(one.app, one.process), {"app": one.app, "process": one.process}
    good = next((run for run in past.runs if not run.failed), None)
    if good:
        yield Sample("slipway_timer_last_success_timestamp_seconds", good.started + good.seconds, labels,
                     help="Time of the last successful run.")  # fmt: skip
    yield Sample("slipway_timer_failed", float(bool(past.last and past.last.failed)), labels,
                 help="Whether the last run failed.")  # fmt: skip
