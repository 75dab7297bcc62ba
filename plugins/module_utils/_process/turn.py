# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a process takes another one's turn that must never run beside it (`handover: stop_first`), a scheduler for example.

systemd does it, in a unit of its own: a run that is killed in the middle leaves neither two of them nor none.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.command import SYSTEM_FOLDERS
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

LOOK_SECONDS = 0.2


def show(here: Path, name: str, units: Sequence[str], program: str) -> None:
    """Raise ReleaseError when the UNITS can't start, as far as that can be seen while nothing of them may run.

    HERE is the release's folder. systemd must take the unit, and the PROGRAM of the process NAME must be there for it.
    """
    for unit in units:
        found = systemd.properties(unit, "LoadState", "LoadError")
        if found.get("LoadState", "loaded") != "loaded":
            raise ReleaseError(f"systemd can't load {unit}: {found.get('LoadError') or found['LoadState']}")
    if not has_program(here, program):
        raise ReleaseError(f"{name} can't start: there is no program '{program}' in the release's environment")


def has_program(folder: Path, program: str) -> bool:
    """Tell whether a release in FOLDER finds the PROGRAM of a command, "" for one that is not known beforehand."""
    places = [folder / "venv/bin", *map(Path, SYSTEM_FOLDERS)]
    tried = [folder / "src" / program] if "/" in program else [place / program for place in places]
    return not program or any(path.is_file() and os.access(path, os.X_OK) for path in tried)


def unit(template: str) -> str:
    """Return the name of the unit that hands over."""
    return f"{template}-handover.service"


def take(template: str, release: str, others: Sequence[str], mine: Sequence[str]) -> None:
    """End the units of all OTHERS, wait for it, and start those of RELEASE (MINE): whether they run is for a gate to tell."""
    if not others and all(map(systemd.is_active, mine)):
        return
    script = "; ".join(
        f"systemctl {what} {' '.join(units)}" for what, units in (("stop", others), ("start", mine)) if units
    )
    systemd.run(
        "--quiet", "--wait", "--collect", f"--unit={unit(template)}",
        f"--description=Hands {template} over to release {release}", "/bin/sh", "-c", script,
    )  # fmt: skip


def wait(template: str) -> None:
    """Wait until a handover is over that a killed run has begun; systemd bounds how long its units take."""
    while systemd.is_active(unit(template)):
        time.sleep(LOOK_SECONDS)
