# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which processes a release has beside its web process: processes.json among its settings, which a role writes.

It holds no secrets. A release without that file, one of an earlier version among them, has no other processes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import names

NAME = "processes.json"
"""What the file is called among the settings of an app: process -> what it is."""
WORKER = "worker"
"""The kind of a process that does not say another one."""
SCHEDULE = "schedule"
"""The kind of one that runs at times."""
KINDS = (WORKER, SCHEDULE)
NONE = "none"
"""The kind of `web` on a host that runs the app's other processes alone. Its unit is written all the same: commands run in its
sandbox."""


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


def beside(paths: Places) -> list[tuple[str, str]]:
    """Return name and kind of an app's processes beside its web process: the next release's, then those that are on the host."""
    return list(dict.fromkeys([*_wanted(paths), *_there(paths)]))


def _wanted(paths: Places) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what the next release has."""
    for name, entry in of(paths).items():
        if kind(entry) in KINDS:
            yield name, kind(entry)


def _there(paths: Places) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what releases have units of; of what nothing but units is left, a timer tells."""
    for file in sorted(systemd.UNITS.glob(f"{paths.app}.*@?*")):
        if match := names.UNIT.fullmatch(file.name):
            found = kind(of(paths, systemd.instance_of(file.name)).get(match[1], {}))
            yield match[1], found if found in KINDS else WORKER
        if match and file.suffix == ".timer":
            yield match[1], SCHEDULE


def has_web(paths: Places, release: str = "") -> bool:
    """Tell whether RELEASE, or the next one, answers visitors on this host."""
    return of(paths, release).get(names.WEB, {}).get("kind") != NONE


def kind(entry: Mapping[str, Any]) -> str:
    """Return of which kind the process of an ENTRY is."""
    return str(entry.get("kind") or WORKER)
