# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Services that still run with libraries from before an update: restarted within the window, each in the way that loses least.

`needrestart` finds them and restarts nothing itself: it would end gunicorn and nginx like any other service. An app's
instance is restarted while systemd keeps its socket; nginx hands its sockets to a new process; a database server ends what
its clients are at.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ansible_collections.slipway.flask.plugins.module_utils._host import stored, systemd
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

SERVICE = re.compile(r"^NEEDRESTART-SVC: *(\S+)$", re.MULTILINE)
NEVER = re.compile(
    r"(dbus|dbus-broker|systemd-(logind|networkd|manager)|networking|ifup@.*|dhcpcd.*|dhclient.*|NetworkManager|network-manager"
    r"|ModemManager|netplan-.*|wpa_supplicant.*|bird.*|frr|docker|containerd|podman.*|libpod-.*|snap\..*|user@.*|getty@.*"
    r"|serial-getty@.*|openvpn.*|wg-quick@.*|.*swan.*|tailscaled|zerotier-one|tinc.*|libvirtd|lxc.*|incus.*|apt-.*"
    r"|unattended-upgrades|slipway-.*|cloud-.*|rescue|emergency)\.service"
)
"""Those that end the connections or containers of others, or us; a reboot or a deploy renews them."""
FIRST, LAST = re.compile(r"(postgresql@.*|mariadb|mysql|slipway-redis.*|redis.*|pgbouncer.*)\.service"), "nginx.service"
UPGRADE = ["/etc/init.d/nginx", "upgrade"]
"""Starts a new master on the same sockets and lets the old one end its requests (nginx's "Upgrading Executable on the Fly")."""
SECONDS = 600
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass
class Restarted:
    """What came of it: units that were RESTARTED, those LEFT to a reboot, a deploy or the next window, and those that FAILED."""

    restarted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def execute(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(argv), capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS)


def needed(run: Run = execute) -> list[str]:
    """Return the units that run with what was replaced, in the order in which they are restarted."""
    units = list(dict.fromkeys(SERVICE.findall(run(["needrestart", "-b", "-r", "l", "-l"]).stdout)))
    return sorted(units, key=lambda unit: (unit == LAST, not FIRST.fullmatch(unit), unit))


def is_a_run(unit: str, run: Run = execute) -> bool:
    """Tell whether UNIT is a job or a command that ends by itself, for which a restart is to be killed and begun anew."""
    shown = run(["systemctl", "show", "--property=Type,Transient", unit]).stdout.split()
    return "Type=oneshot" in shown or "Transient=yes" in shown


def restart(settings: Settings, now: datetime, run: Run = execute) -> Restarted:
    """Do it when NOW is within the window, and keep what came of it."""
    found = Restarted()
    for unit in needed(run):
        if is_a_run(unit, run):
            continue
        if NEVER.fullmatch(unit) or not settings.is_open(now.time()):
            found.left.append(unit)
            continue
        command = UPGRADE if unit == LAST else ["systemctl", "try-restart", unit]
        try:
            failed = run(command).returncode != 0
        except (OSError, subprocess.TimeoutExpired):
            failed = True
        (found.failed if failed else found.restarted).append(unit)
    stored.write(places.RESTARTED, asdict(found))
    return found


def failed() -> list[str]:
    """Return those that did not come back the last time and are still not there."""
    units = stored.read(places.RESTARTED).get("failed", [])
    return [unit for unit in units if not systemd.is_active(unit)]
