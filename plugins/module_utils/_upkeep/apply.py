# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is done once at a boot and after a change of the settings: swap, and the reserve.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import disk, memory, places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

CONTAINER = "this host is a container: its kernel settings, swap and clock are set on its own host"


def is_container() -> bool:
    return subprocess.run(["systemd-detect-virt", "--quiet", "--container"], check=False).returncode == 0


def apply(settings: Settings) -> list[str]:
    """Do it, and return what this host can't do, one sentence each; nothing of it is a failure."""
    notes = [CONTAINER] if is_container() else [said] if (said := memory.bring(settings)) else []
    disk.keep(settings)
    stored.write(places.APPLIED, {"notes": notes})
    return notes
