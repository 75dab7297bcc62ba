# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Programs that run as another system user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
from typing import Any


class NoUserError(RuntimeError):
    """There is no such user; the text is ready to be shown."""


def as_user(name: str) -> dict[str, Any]:
    """Return subprocess arguments that make a command run as the system user NAME with that user's groups.

    :raises NoUserError: when the user doesn't exist.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise NoUserError(f"the system user '{name}' doesn't exist on this host") from None
    if entry.pw_uid == os.geteuid():
        return {}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(name, entry.pw_gid)}
