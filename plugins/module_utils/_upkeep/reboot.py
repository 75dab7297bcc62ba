# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A reboot that an update needs: at the hour that is allowed, when nothing is under way, and with a look at the sites after it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import stored, systemd, webhooks
from ansible_collections.slipway.flask.plugins.module_utils._nginx.maintenance import closed_since
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import due, places
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

BOOT, FIRST = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/1/stat")
WAIT_SECONDS, PAUSE_SECONDS = 1800, 10
"""How long a deploy or a backup that is under way is waited for."""
BACK_SECONDS = 300
"""How long sites may take to answer after a boot."""
TIMEOUT_SECONDS = 10
DPKG = Path("/var/lib/dpkg/lock-frontend")


def boot() -> str:
    """Return what is another one after each boot, also of a container, whose kernel goes on: when its first process began."""
    return f"{BOOT.read_text().strip()} {FIRST.read_text().rpartition(')')[2].split()[19]}"


def locks(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield the locks that somebody holds who must not be cut off, and who that is."""
    for site in settings.sites:
        yield Path(site["root"]) / ".lock", f"a deploy of {site['name']}"
    yield places.BACKUPS_LOCK, "a backup"
    yield DPKG, "APT"


def busy(settings: Settings) -> str:
    """Return what is under way on the host, "" for nothing."""
    for path, who in locks(settings):
        if path.exists() and _is_held(path):
            return who
    return ""


def _is_held(path: Path) -> bool:
    with path.open("a") as file:
        try:
            # dpkg takes a record lock (fcntl), the others take the whole file (flock).
            take: Callable[[int, int], None] = fcntl.lockf if path == DPKG else fcntl.flock
            take(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def reboot(settings: Settings, sleep: Callable[[float], None] = time.sleep) -> str:
    """Reboot if an update needs it and nothing is under way; return what is done, or why nothing is."""
    reason = due.why()
    if not reason:
        return "no update needs a reboot"
    waited = 0
    while (who := busy(settings)) and waited < WAIT_SECONDS:
        sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS
    if who:
        return f"{who} is still under way after {WAIT_SECONDS // 60} minutes: the reboot is tried again tomorrow"
    stored.write(places.ASKED, {"boot": boot(), "why": reason, "at": stored.now()})
    systemd.systemctl("reboot")
    return f"rebooting, for {reason}"


def back(settings: Settings, sleep: Callable[[float], None] = time.sleep) -> list[str]:
    """Wait after a boot until all sites answer; tell the notifications when one does not, or when the reboot was ours.

    Return what is wrong, one sentence for each site.
    """
    began = time.monotonic()
    wrong = {str(site["name"]): "" for site in settings.sites}
    while True:
        left = [site for site in settings.sites if str(site["name"]) in wrong]
        wrong = {str(site["name"]): said for site in left if (said := unanswered(site))}
        if not wrong or time.monotonic() - began > BACK_SECONDS:
            break
        sleep(1)
    found = [f"{name} does not answer after the boot: {said}" for name, said in wrong.items()]
    seconds = time.monotonic() - began
    asked = stored.read(places.ASKED)
    ours = bool(asked) and asked.get("boot") != boot()
    reason = asked.get("why", "") if ours else ""
    stored.write(places.BACK, {"problems": found, "at": stored.now(), "why": reason})
    if ours:
        places.ASKED.unlink(missing_ok=True)
    if found or ours:
        _tell(settings, found, reason, seconds)
    return found


def unanswered(site: Mapping[str, Any]) -> str:
    """Return why a site does not answer its visitors, "" when it does, is closed on purpose or was never deployed."""
    if closed_since(str(site["name"])) or not Path(site["root"], "current").is_symlink():
        return ""
    connection = host_http.LocalTLSConnection(str(site["domain"]), "127.0.0.1", 443, TIMEOUT_SECONDS)
    try:
        status, _ = host_http.ask(connection, str(site["path"]), {})
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return f"{site['path']} answered {status}" if status >= 500 else ""


def _tell(settings: Settings, found: list[str], reason: str, seconds: float) -> None:
    count = len(settings.sites)
    head = f"{settings.host} has rebooted" + (f" for {reason}" if reason else "")
    well = f"all {count} sites answer" if count > 1 else "its site answers" if count else "it is up"
    text = f"{head}: {'; '.join(found) if found else f'{well} again, {seconds:.0f} s after nginx was asked first'}"
    told = {"what": "reboot", "host": settings.host, "outcome": "failed" if found else "succeeded", "text": text,
            "problems": found}  # fmt: skip
    for note in webhooks.post(list(settings.notifications), told):
        print(note)
