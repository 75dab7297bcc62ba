# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role `backups` writes on a host: settings, secrets, the program and its timers.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._backup.configuration import secrets
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.plugin_utils._backup import description
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library

UNITS = PurePosixPath("/etc/systemd/system")
SERVICES = ("slipway-backup", "slipway-backup-check", "slipway-backup-drill")
"""Units with a service and a timer each."""
DRILL = SERVICES[-1]
LIBRARY = "_backup.program"
OTHERS = ("_certificates.program", "_metrics.program", "_upkeep.program")
"""Programs that may have some of the same library."""


def packages(apps: Sequence[Mapping[str, Any]], wanted: bool) -> list[str]:
    """Return the APT packages that backups of APPS need."""
    if not wanted:
        return []
    return ["restic", "openssh-client", *(["pgbackrest"] if any(app.get("database") for app in apps) else [])]


def plan(found: Mapping[str, Any], apps: Sequence[Mapping[str, Any]], host: str, cluster: str = "") -> dict[str, Any]:
    """Return what slipway.flask.files takes: `files`, `prune` and `units`; without FOUND, what takes all of it away."""
    if not found:
        paths = [
            places.SETTINGS,
            places.PROGRAM,
            *(path for name in SERVICES for path in units(name)),
        ]
        gone = [{"dest": str(path), "state": "absent"} for path in paths]
        return {"files": [*gone, *library.absent(LIBRARY, OTHERS)], "prune": [], "units": []}
    settings = description.settings(found, apps, host, cluster)
    secret = {"passphrase": settings.passphrase + "\n", **secrets(settings)}
    every = {"every": settings.every_seconds, "paths": writable(settings), "drill": settings.drill}
    services = [name for name in SERVICES if name != DRILL or settings.drill]
    return {
        "files": [
            {"dest": str(places.SETTINGS.parent), "state": "directory"},
            {"dest": str(places.SETTINGS), "content": settings.as_text(), "mode": "0600"},
            {"dest": str(places.SECRETS), "state": "directory", "mode": "0700"},
            *({"dest": f"{places.SECRETS}/{name}", "content": text, "mode": "0600"} for name, text in secret.items()),
            {"dest": str(places.STATE.parent), "state": "directory"},
            {"dest": str(places.STATE), "state": "directory", "mode": "0700"},
            {"dest": str(places.CACHE.parent), "state": "directory"},
            {"dest": str(places.CACHE), "state": "directory", "mode": "0700"},
            *library.files(LIBRARY),
            {"src": "program.py.j2", "dest": str(places.PROGRAM), "mode": "0755", "vars": {"library": str(library.FOLDER)}},
            *(
                {"src": f"{name}.{kind}.j2", "dest": str(UNITS / f"{name}.{kind}"), "vars": every}
                for name in services for kind in ("service", "timer")
            ),
            *({"dest": str(path), "state": "absent"} for path in ([] if settings.drill else units(DRILL))),
        ],
        "prune": [{"folder": str(places.SECRETS), "pattern": "*"}],
        "units": [
            {"name": f"{name}.timer", "on_change": "restart", "files": [str(UNITS / f"{name}.timer")]} for name in services
        ],
    }  # fmt: skip


def units(name: str) -> list[PurePosixPath]:
    """Return the files of a service with a timer, and what has the timer start at boot."""
    return [
        UNITS / f"{name}.service",
        UNITS / f"{name}.timer",
        UNITS / "timers.target.wants" / f"{name}.timer",
    ]


def writable(settings: Settings) -> list[str]:
    """Return the folders beside its own that a run writes to: targets that are paths, and apps' folders.

    SQLite keeps files beside a database that somebody else has open, also for one who only reads.
    """
    folders = [folder for app in settings.apps for folder in app.folders]
    return [*(target.path for target in settings.targets if target.kind == "path"), *folders]
