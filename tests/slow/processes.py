# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A scheduler of which there must never be two, and a worker in two instances, for apps of the slow tests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from helpers import Host, wait_for

SCRIPTS = Path(__file__).parent / "process_scripts"
PROCESSES: dict[str, dict[str, Any]] = {
    "tick": {"command": "python tick.py", "handover": "stop_first", "ready_seconds": 1},
    "worker": {"command": "python work.py", "instances": 2, "stop_seconds": 20, "ready_seconds": 1},
}
NAMES = ("tick", "worker", "worker.2")


def add_to(folder: Path) -> None:
    """Put the scripts of both into an app's FOLDER."""
    for script in SCRIPTS.glob("*.py"):
        shutil.copy(script, folder)


def settled(host: Host, app: str) -> None:
    """Require that only the live release has processes, now and after a reboot, and that there never were two schedulers."""
    current = host.run(f"basename $(readlink /srv/{app}/current)")
    wanted = sorted(f"{app}.{name}@{current}.service" for name in NAMES)
    listed = f"systemctl list-units --plain --no-legend '{app}.*@*' | cut -d' ' -f1"
    wait_for(lambda: host.run(listed).split() == wanted, seconds=30)
    links = host.run(f"ls /etc/systemd/system/multi-user.target.wants | grep -F {app}.")
    assert links.split() == wanted
    assert not host.ok(f"test -e '/var/lib/{app}.tick/two at once'")
    assert host.ok(f"test -e /var/lib/{app}.tick/ticks")
