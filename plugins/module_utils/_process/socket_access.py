# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the web server may connect to a release: by a line of its unit. Being in the app's group would show it the code as well.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path

SETFACL = Path("/usr/bin/setfacl")


def line(user: str, app: str) -> str:
    """Return the line of a unit by which USER may connect to what is made in the release's runtime folder."""
    return f"ExecStartPre=+{SETFACL} --default --modify user:{user}:rw /run/{app}/%i"


def opened(text: str, user: str, app: str) -> str:
    """Return the TEXT of a release's own unit with the line that lets USER connect, if it lacks it; "" is nobody."""
    if not user or line(user, app) in text or not SETFACL.exists():
        return text
    text = text.replace("RuntimeDirectoryMode=0750\n", "RuntimeDirectoryMode=0711\n")
    return text.replace("\nExecStart=", f"\n{line(user, app)}\nExecStart=", 1)
