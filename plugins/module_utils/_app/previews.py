# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The previews of a host: apps with an end date, which the host removes by itself (_remove/program.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/slipway/previews")
"""For root alone: `<name>.json`, in one line, which a shell script reads as well (plugin_utils/_preflight/host.py)."""
DAY = 86_400


@dataclass
class Preview:
    """The preview NAME of the app OF at a BRANCH, seen at URL, until ENDS (seconds since the epoch)."""

    name: str
    of: str
    branch: str
    url: str
    ends: float
    description: dict[str, Any] = field(default_factory=dict)
    """What it is set up by, without secrets."""
    copied: str = ""
    """When its database was made of the app's, as people read it; "" for never."""

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.json"

    @property
    def until(self) -> str:
        """Its end date as people read it."""
        return moment(self.ends)

    def write(self) -> None:
        """Have it on disk, whole or not at all."""
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        FOLDER.chmod(0o700)
        temporary = self.path.with_name(f".{self.name}.new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(json.dumps(asdict(self)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def moment(seconds: float) -> str:
    """Return SECONDS of the epoch as people read them."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def read(name: str) -> Preview | None:
    """Return the preview NAME, None when there is none, or none that can be read: what is removed goes by what is in it."""
    try:
        found = Preview(**json.loads((FOLDER / f"{name}.json").read_text()))
        found.ends = float(found.ends)
        time.gmtime(found.ends)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return found if found.name == name else None


def all_of() -> list[Preview]:
    """Return the previews of this host by their names."""
    return [found for path in sorted(FOLDER.glob("*.json")) if (found := read(path.stem))]


def said() -> list[str]:
    """Return what a status tells of the previews, one sentence each."""
    return [
        f"{one.name} is a preview of {one.of} (branch {one.branch}) at {one.url}; the host removes it at {one.until}"
        for one in all_of()
    ]
