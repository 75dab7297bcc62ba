# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The processes of an app for somebody who only looks at them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._process import members
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths


@dataclass(frozen=True)
class Nobody:
    """The site and the web server, which a look does not ask."""

    domain: str = ""
    address: str = ""
    port: int = 0
    user: str = ""
    service: str = ""


@dataclass(frozen=True)
class Asked:
    """What the processes read of a run's parameters then."""

    user: str
    health: Health
    verify: Nobody = Nobody()
    web: Nobody = Nobody()
    wsgi: str = ""
    watch_seconds: int = 0
    drain_seconds: int = 0


@dataclass
class Look:
    """What the processes are given then: nothing that they could change anything with."""

    paths: Paths
    request: Asked
    gid: int = 0
    notes: list[str] = field(default_factory=list)

    def write(self, path: Path, content: str, uid: int, gid: int, bits: int) -> None:
        """Raise PermissionError."""
        raise PermissionError(f"{path} is only looked at")

    def file_databases(self, release: str) -> list[str]:
        """Return none: nothing is started."""
        return []

    def hint(self, text: str, of_page: bool = False) -> str:
        """Return none, for the same reason."""
        return ""


def processes(paths: Paths, health: Health | None = None) -> tuple[Process, ...]:
    """Return the processes of the app at PATHS; HEALTH is the request that it must answer."""
    return members.processes_of(Look(paths, Asked(paths.app, health or Health())))
