# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `host_metrics` writes on a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._metrics import places
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library

UNITS = PurePosixPath("/etc/systemd/system")
PROGRAM = "_metrics.program"
OTHERS = ("_backup.program", "_certificates.program", "_upkeep.program")
"""Programs that may have some of the same library."""
SERVICE = "slipway-metrics.service"
MODES = ("none", "local", "scrape")


def packages(mode: str) -> list[str]:
    """Return the APT packages that MODE needs on the host."""
    return []


def package_files(mode: str) -> dict[str, str]:
    """Return the files that their installation reads: path -> text."""
    return {}


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value), whose types are right, as sentences."""
    return [f"host_metrics_{text}" for text in _problems(variables)]


def _problems(variables: Mapping[str, Any]) -> Iterator[str]:
    mode = variables.get("mode", "none")
    if mode not in MODES:
        yield f"mode is '{mode}'; it must be one of {', '.join(MODES)}"


def plan(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what slipway.flask.files takes: `files` and `units`; VARIABLES have passed `problems`."""
    # Values of Ansible's own have types that can't be copied; as text they are like all others.
    variables = json.loads(json.dumps(dict(variables), default=str))
    if variables.get("mode", "none") == "none":
        return _nothing()
    return {
        "files": [
            {"dest": str(places.SETTINGS.parent), "state": "directory"},
            {"dest": str(places.SETTINGS), "content": told(variables), "mode": "0600"},
            *library.files(PROGRAM),
            {"src": "program.py.j2", "dest": str(places.PROGRAM), "mode": "0755", "vars": {"library": str(library.FOLDER)}},
            {"src": f"{SERVICE}.j2", "dest": str(UNITS / SERVICE), "vars": {"program": str(places.PROGRAM)}},
        ],
        "units": [{"name": SERVICE, "on_change": "restart", "files": restarting()}],
    }  # fmt: skip


def restarting() -> list[str]:
    """Return the files that the collector reads when it starts."""
    modules = map(str, library.paths(library.sources(PROGRAM)))
    return [str(places.SETTINGS), str(places.PROGRAM), str(UNITS / SERVICE), *modules]


def told(variables: Mapping[str, Any]) -> str:
    """Return the text of what the collector is told (module_utils/_metrics/config.py)."""
    found = {"host": str(variables.get("host") or ""), "apps": list(variables.get("apps") or ())}
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def _nothing() -> dict[str, Any]:
    """Return what stops and disables all of it. What was kept stays."""
    gone = [places.SETTINGS, places.PROGRAM, UNITS / SERVICE, UNITS / "multi-user.target.wants" / SERVICE]
    return {
        "files": [
            *({"dest": str(path), "state": "absent"} for path in gone),
            *library.absent(PROGRAM, OTHERS),
        ],
        "units": [{"name": SERVICE, "state": "stopped"}],
    }
