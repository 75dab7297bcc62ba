# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Small files in which programs on the host keep what they found and did: JSON, written whole or not at all.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ISO = "%Y-%m-%dT%H:%M:%SZ"


def read(path: Path) -> dict[str, Any]:
    """Return what the file at PATH holds, {} when that can't be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, value: Any, mode: int = 0o600) -> None:
    """Write VALUE as JSON, whole or not at all."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True) + "\n"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def now() -> str:
    """Return the time as the files have it."""
    return datetime.now(timezone.utc).strftime(ISO)


def time_of(stamp: str) -> datetime:
    """Return a time that the files have."""
    return datetime.strptime(stamp, ISO).replace(tzinfo=timezone.utc)
