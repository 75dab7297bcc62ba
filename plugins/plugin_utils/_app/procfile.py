# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`processes: procfile`: the processes of an app are those of the Procfile in its source.

Units are written before a source is fetched, so only a source on this machine can be read in time: a folder.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._source import procfile
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description

WORD = "procfile"


def asked(app: Mapping[str, Any]) -> bool:
    """Tell whether the processes of APP are those of a Procfile."""
    return bool(app.get("processes") == WORD)


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with asking for a Procfile, whatever is in it."""
    source = app.get("source")
    if not isinstance(source, Mapping) or source.get("path"):
        return []
    return [
        "'processes' is `procfile`, which needs a `source.path`: the units are written before another source is fetched. "
        "Write the processes out; without the key, `--tags plan` prints those of the Procfile as they are written"
    ]


def expanded(apps: Any, base: Path) -> Any:
    """Return APPS with the processes of their Procfiles where they ask for these; paths count from BASE.

    An app whose Procfile has none keeps its word, of which `missing` tells.
    """
    if not isinstance(apps, list):
        return apps
    return [{**app, "processes": _of(app, base) or WORD} if _readable(app) else app for app in apps]


def _readable(app: Any) -> bool:
    if not isinstance(app, Mapping) or not asked(app) or not isinstance(app.get("source"), Mapping):
        return False
    return isinstance(app["source"].get("path"), str) and isinstance(app.get("subfolder", ""), str)


def _of(app: Mapping[str, Any], base: Path) -> dict[str, dict[str, str]]:
    found = procfile.processes(procfile.read(_folder(app, base)))
    return {name: {"command": command} for name, command in found.items()}


def _folder(app: Mapping[str, Any], base: Path) -> Path:
    return description.place_of(app["source"]["path"], base) / str(app.get("subfolder") or "")


def missing(app: Mapping[str, Any], base: Path) -> list[str]:
    """Return that there is nothing to run in the Procfile of an `expanded` APP that asks for it."""
    if not _readable(app):
        return []
    file = _folder(app, base) / procfile.NAME
    there = "names no process beside web and release" if file.is_file() else "is not there"
    return [f"'processes' is `procfile`, and {file} {there}"]
