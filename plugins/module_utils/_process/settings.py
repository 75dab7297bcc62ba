# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which processes a release has beside its web process: processes.json among its settings, which a role writes.

It holds no secrets. A release without that file, one of an earlier version among them, has no other processes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.command import SYSTEM_FOLDERS
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places

NAME = "processes.json"
"""What the file is called among the settings of an app: process -> what it is."""
WORKER = "worker"
"""The kind of a process that does not say another one."""
SCHEDULE = "schedule"
"""The kind of one that runs at times."""


def of(paths: Places, release: str = "") -> Mapping[str, Mapping[str, Any]]:
    """Return the processes of RELEASE, or of the next one, by name."""
    return read((paths.settings_of(release) if release else paths.settings) / NAME)


def read(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return what FILE says; nothing when there is none, or none that can be read."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def kind(entry: Mapping[str, Any]) -> str:
    """Return of which kind the process of an ENTRY is."""
    return str(entry.get("kind") or WORKER)


def has_program(folder: Path, program: str) -> bool:
    """Tell whether a release in FOLDER finds the PROGRAM of a command, "" for one that is not known beforehand."""
    places = [folder / "venv/bin", *map(Path, SYSTEM_FOLDERS)]
    tried = [folder / "src" / program] if "/" in program else [place / program for place in places]
    return not program or any(path.is_file() and os.access(path, os.X_OK) for path in tried)
