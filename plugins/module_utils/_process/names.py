# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the units of an app's processes are called.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

WEB = "web"
FIRST = WEB
"""The process in whose sandbox an app's commands run: the first one of `members.processes_of`."""


def template(app: str, process: str) -> str:
    """Return what the units of a PROCESS are called before the `@`. A dot can't be in an app's name; `web` was there first."""
    return app if process == WEB else f"{app}.{process}"


def unit(app: str, process: str, release: str) -> str:
    """Return the service of a PROCESS of a RELEASE."""
    return f"{template(app, process)}@{release}.service"
