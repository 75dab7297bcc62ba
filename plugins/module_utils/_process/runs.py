# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The runs of a schedule that are over, as its unit's ExecStopPost= has written them down (role gunicorn_systemd, run-ended).

The newest comes first. They are no release's: removing one loses none of them. PRIVATE to the collection. It can have breaking
changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import calendar

FOLDER = Path("/var/lib/slipway/runs")
MISSED = Path("/run/slipway/missed")
"""A file in here: the timer of a release that is no longer live elapsed, and nothing ran."""
RESULTS = {
    "timeout": "took longer than its timeout_seconds and was stopped",
    "oom-kill": "ran out of memory and was killed",
    "signal": "was killed by signal {status}",
    "core-dump": "crashed with signal {status}",
    "exit-code": "failed with status {status}",
}
"""SERVICE_RESULT of systemd.exec(5) -> what is told of it."""


@dataclass(frozen=True)
class Run:
    """One run: of which RELEASE, when it STARTED (seconds of Unix), how many SECONDS it took, how it ended, its last lines."""

    release: str
    started: float
    seconds: float
    result: str
    status: str = ""
    invocation: str = ""
    output: str = ""

    @property
    def failed(self) -> bool:
        return self.result != "success"

    @property
    def end(self) -> str:
        """How it ended as a person reads it."""
        how = RESULTS.get(self.result, "failed ({result})").format(status=self.status, result=self.result)
        return how if self.failed else "succeeded"

    def said(self) -> str:
        """Return all of it in one line."""
        return f"{self.end}, started {calendar.told(self.started)}, took {self.seconds:.0f} s, release {self.release}"


@dataclass(frozen=True)
class Runs:
    """All runs that are remembered, and when one was SKIPPED last because another one was under way (0 for never)."""

    runs: tuple[Run, ...] = ()
    skipped: float = 0.0

    @property
    def last(self) -> Run | None:
        return self.runs[0] if self.runs else None

    def said(self) -> str:
        """Return how the last one ended, and whether a time has been skipped since it began."""
        told = f"the last run {self.last.said()}" if self.last else "it has not run yet"
        if self.skipped <= (self.last.started if self.last else 0):
            return told
        return f"{told}; {calendar.told(self.skipped)} was skipped, as a run was under way"


def file(app: str, process: str) -> Path:
    """Return where the runs of a PROCESS of APP are written down."""
    return FOLDER / f"{app}.{process}.json"


def missed(app: str, process: str) -> Path:
    """Return the file that says that a time of a PROCESS of APP came and nothing ran."""
    return MISSED / f"{app}.{process}"


def read(app: str, process: str) -> Runs:
    """Return the runs of a PROCESS of APP; none when there is no file, or none that can be read."""
    try:
        found: dict[str, Any] = json.loads(file(app, process).read_text())
        keys = Run.__dataclass_fields__
        runs = tuple(Run(**{key: run[key] for key in keys if key in run}) for run in found["runs"])
        return Runs(runs, float(found.get("skipped") or 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Runs()
