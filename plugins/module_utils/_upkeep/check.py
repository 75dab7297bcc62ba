# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Problems of the host itself: checked every ten minutes, fixed if that is safe, and reported once.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import news, stored, systemd, webhooks
from ansible_collections.slipway.flask.plugins.module_utils._host.news import Problem
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import disk, places, reboot, restarts, shipping
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

CLEAN_PERCENT = 95
"""From here on what can be made again is removed: APT's downloads and the older half of the journal."""
DAY = 86_400
LATE_DAYS = 3
"""Security updates are looked for every day."""
CLUSTERS = Path("/etc/postgresql")
SERVERS = ("mariadb.service",)


def problems(settings: Settings) -> list[Problem]:
    """Return what is wrong, after mending what can be."""
    _boot(settings)
    return [*_servers(), *_disks(settings), *_updates(settings), *_clock(), *_logs()]


def _disks(settings: Settings) -> Iterator[Problem]:
    for found in disk.usages():
        if found.percent >= CLEAN_PERCENT:
            clean(settings.journal_mb)
            found = disk.usage(found.folder)
        if found.percent >= settings.warn_percent:
            yield Problem(
                f"disk:{found.folder}",
                f"{found.folder}: the disk is {found.percent} % full, {found.free_mb} MB are free: see what uses "
                f"it with `du -xh --max-depth=2 {found.folder} | sort -h | tail`",
            )
        if found.inodes_percent >= settings.warn_percent:
            yield Problem(
                f"inodes:{found.folder}",
                f"{found.folder}: {found.inodes_percent} % of the disk's inodes are in use (`df -i`)",
            )
    for path in disk.keep(settings):
        yield Problem(
            f"reserve:{path}",
            f"there is not enough disk space for the reserve of {settings.reserve_mb} MB at {path}, without which the database "
            f"server can't start "
            "again on a full disk: free some space",
        )


def clean(journal_mb: int) -> None:
    """Remove what can be made again or is of the least use. What fails is left: the disk is told of anyway."""
    subprocess.run(["apt-get", "clean"], capture_output=True, check=False)
    command = ["journalctl", "--quiet", f"--vacuum-size={journal_mb // 2}M"]
    subprocess.run(command, capture_output=True, check=False)


def servers() -> list[str]:
    """Return the units of the database servers that start with the host."""
    clusters = [f"postgresql@{path.parent.name}-{path.name}.service" for path in sorted(CLUSTERS.glob("*/*"))]
    return [*clusters, *SERVERS]


def _servers() -> Iterator[Problem]:
    """Start servers that a full disk has ended, once there is room; one that a person has stopped has not failed."""
    note = places.FREED
    failed = [unit for unit in servers() if systemd.properties(unit, "ActiveState").get("ActiveState") == "failed"]
    if not failed:
        note.unlink(missing_ok=True)
        return
    disk.give_up()
    for unit in failed:
        if note.exists():
            systemd.systemctl("reset-failed", unit)
            systemd.systemctl("start", unit)
        if not systemd.is_active(unit):
            yield Problem(f"server:{unit}", f"{unit} has failed: see `journalctl -u {unit}` on the host")


def _updates(settings: Settings) -> Iterator[Problem]:
    if settings.install == "none":
        return
    if systemd.properties("apt-daily-upgrade.service", "ActiveState").get("ActiveState") == "failed":
        yield Problem(
            "updates", "security updates could not be installed: see `journalctl -u apt-daily-upgrade` on the host"
        )
    elif places.UPDATED.exists() and time.time() - places.UPDATED.stat().st_mtime > LATE_DAYS * DAY:
        days = int((time.time() - places.UPDATED.stat().st_mtime) // DAY)
        yield Problem(
            "updates-late", f"security updates were last checked for {days} days ago: see `systemctl list-timers apt-*`"
        )
    for unit in restarts.failed():
        yield Problem(
            f"restart:{unit}", f"{unit} did not come back after an update: see `journalctl -u {unit}` on the host"
        )


def _boot(settings: Settings) -> None:
    """Ask sites again that did not answer after the last boot, which has told of them."""
    last = stored.read(places.BACK)
    if last.get("problems"):
        asked = {str(site["name"]): reboot.unanswered(site) for site in settings.sites}
        last["problems"] = [text for text in last["problems"] if asked.get(text.partition(" ")[0])]
        stored.write(places.BACK, last)


def _clock() -> Iterator[Problem]:
    shown = subprocess.run(["timedatectl", "show"], capture_output=True, text=True, check=False).stdout
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if found.get("NTP") == "yes" and found.get("NTPSynchronized") == "no":
        yield Problem(
            "clock", "the clock is not synchronised: see `timedatectl timesync-status` on the host", is_brief=True
        )


def _logs() -> Iterator[Problem]:
    if text := shipping.problem():
        yield Problem("logs", text, is_brief=True)


def check(settings: Settings) -> list[str]:
    """Look, keep what was found and tell what is new of it; return what is wrong, one sentence each."""
    found = problems(settings)
    fresh = news.news(stored.read(places.CHECKED).get("kept", {}), found)
    texts = [one.text for one in found]
    stored.write(places.CHECKED, {"problems": texts, "at": stored.now(), "kept": fresh.kept})
    text = news.text(settings.host, fresh)
    if text and settings.notifications and settings.tells_problems:
        told = {"what": "upkeep", "host": settings.host, "outcome": "succeeded" if fresh.is_over else "failed", "text": text,
                "problems": fresh.fresh}  # fmt: skip
        for note in webhooks.post(list(settings.notifications), told):
            print(note)
    return texts
