# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The history of an app on a host: one line for each deploy and rollback that has ended, also for those that failed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record


def told(paths: Paths, record: Record) -> None:
    """Add the line of a run that has ended."""
    append_history(paths.history, record)


def append_history(path: Path, record: Record) -> None:
    """Add one line to the history and have it on disk before returning; one that was cut short is ended first."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
        cut = file.read(1) not in (b"", b"\n")
        file.write((b"\n" if cut else b"") + json.dumps(asdict(record)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o640)


def history(path: Path) -> list[dict[str, Any]]:
    """Return the history, oldest first; a line cut short by a crash is left out."""
    found = []
    try:
        rows = path.read_text().splitlines()
    except OSError:
        return []
    for row in rows:
        try:
            found.append(json.loads(row))
        except ValueError:
            continue
    return found
