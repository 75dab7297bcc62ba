# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the upkeep of a host has its settings, its state and what it keeps in reserve.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path

SETTINGS = Path("/etc/slipway/upkeep.json")
"""All that the program is told; webhooks are secrets, so it is root's."""
STATE = Path("/var/lib/slipway/upkeep")
CHECKED, APPLIED, RESTARTED = STATE / "check.json", STATE / "apply.json", STATE / "restarts.json"
ASKED, BACK, FREED = STATE / "reboot.json", STATE / "back.json", STATE / "freed.json"
"""What was found and done last: by a check, at the boot, after updates; the reboot that was asked for, and what came after it;
a reserve that was given up, so that servers may have ended for want of space."""
RESERVE = Path("/var/lib/slipway/reserve")
"""Space that is freed when a disk is full."""
SWAP = Path("/var/lib/slipway/swapfile")
SWAP_UNIT = "var-lib-slipway-swapfile.swap"
BACKUPS_LOCK = Path("/var/lib/slipway/backups/lock")
PROGRAM = Path("/usr/local/sbin/slipway-upkeep")
DATABASES = (Path("/var/lib/postgresql"), Path("/var/lib/mysql"))
"""Folders of servers that must come back on a full disk."""
REBOOT = (Path("/run/reboot-required"), Path("/run/reboot-required.pkgs"))
"""What Debian and Ubuntu write when a package, such as a kernel, needs a reboot, and which package."""
UPDATED = Path("/var/lib/apt/periodic/unattended-upgrades-stamp")
