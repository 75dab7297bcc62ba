# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the units of an app's processes are called.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re

WEB = "web"
FIRST = WEB
"""The process in whose sandbox an app's commands run: the first one of `members.processes_of`."""


UNIT = re.compile(r"[^.@]+\.([a-z][a-z0-9-]*)(?:\.\d+)?@[^@]+\.(?:service|timer)")
"""The unit of a release's process other than `web`: its group is the process."""


def template(app: str, process: str, instance: int = 1) -> str:
    """Return what the units of a PROCESS are called before the `@`. A dot can't be in an app's name; `web` was there first.

    Only of others than `web` there may be more than one INSTANCE; these are counted from 1.
    """
    return app if process == WEB else f"{app}.{process}" + (f".{instance}" if instance > 1 else "")


def timer(app: str, process: str, release: str) -> str:
    """Return what starts a PROCESS of a RELEASE at times."""
    return f"{template(app, process)}@{release}.timer"


def unit(app: str, process: str, release: str, instance: int = 1) -> str:
    """Return the service of an INSTANCE of a PROCESS of a RELEASE."""
    return f"{template(app, process, instance)}@{release}.service"
