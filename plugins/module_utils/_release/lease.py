# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who has a release under way between two calls of the module, while a hook runs on the controller.

The kernel's lock ends with the module, so a file says who goes on. It is below /run and its times are the kernel's, not the
clock's: a reboot ends every lease, and a clock that jumps ends none.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path("/run/slipway")


def uptime() -> float:
    """Return the seconds since the host was started, which nobody can set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Lease:
    """RELEASE of an app is held by a person (BY) and a process of their machine, from SINCE to UNTIL, at the HOOK."""

    release: str
    by: str
    process: str
    hook: str
    since: float
    until: float

    @classmethod
    def read(cls, app: str, over: bool = False) -> Lease | None:
        """Return the lease on APP; None when there is none, it is over (unless OVER), or it can't be read."""
        try:
            found = cls(**json.loads(path_of(app).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return found if over or uptime() < found.until else None

    def write(self, app: str) -> None:
        """Hold APP, in place of the lease that was there."""
        path = path_of(app)
        path.parent.mkdir(mode=0o755, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file)
        temporary.replace(path)

    def said(self) -> str:
        """Return who holds the app, for how long and at which hook, as the refusal of another run tells it."""
        return (
            f"{self.by} has been deploying this app for {uptime() - self.since:.0f} s and is at the hook "
            f"'{self.hook}'; wait until it is done (its lock on the app expires in {self.until - uptime():.0f} s)"
        )


def path_of(app: str) -> Path:
    """Return the file of the lease on APP."""
    return FOLDER / f"{app}.lease"


def drop(app: str) -> None:
    """End the lease on APP, if there is one."""
    path_of(app).unlink(missing_ok=True)
