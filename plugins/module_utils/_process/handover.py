# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a release takes over that must never run beside another one of its app (`handover: stop_first`).

All releases of such an app take their requests from one socket, which systemd holds: `<app>.socket`. While the old release
ends and the new one starts, requests wait there. systemd also does the handover, in a unit of its own: a run that is killed in
the middle stops nothing, and a release that does not start gives way to the one before.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process.base import handover_of

LOOK_SECONDS = 0.1
SCRIPT = r'''
import json, os, subprocess, sys, time

ask = json.loads(sys.argv[1])
old, new = ask["old"], ask["new"]  # id, unit, and the socket if it is one of its own, else ""


def systemctl(*words):
    return subprocess.run(["systemctl", *words], capture_output=True).returncode == 0


def point(release):
    """Point `current` at a release in one step, and have it on disk; it must be so before one may start."""
    temporary = ask["current"] + ".handover"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink("releases/" + release["id"], temporary)
    os.replace(temporary, ask["current"])
    handle = os.open(os.path.dirname(ask["current"]), os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def backlog(path):
    """Return how many connections wait at a socket for somebody to accept them."""
    rows = subprocess.run(["ss", "-xlnH"], capture_output=True, text=True, errors="replace").stdout.splitlines()
    found = [row.split() for row in rows]
    return sum(int(row[2]) for row in found if row[4:5] == [path] and row[2].isdecimal())


def begin(release):
    systemctl("reset-failed", release["unit"])
    return systemctl("start", release["unit"]) and systemctl("is-active", "--quiet", release["unit"])


def hand_over(old, new):
    """End OLD, start NEW and tell whether it runs; visitors are led to its socket when that takes requests."""
    if not new["socket"]:  # requests wait at the common socket from here on
        point(new)
    if old and old["socket"] and not new["socket"]:
        time.sleep(ask["kept"])
        deadline = time.monotonic() + ask["drain"]
        while backlog(old["socket"]) and time.monotonic() < deadline:
            time.sleep(0.1)
    if old:
        systemctl("stop", old["unit"])
    good = begin(new)
    if good and new["socket"]:
        point(new)
    return good


begun = time.monotonic()
good = hand_over(old, new)
told = {"good": good, "back": False, "seconds": round(time.monotonic() - begun, 2)}
if not good and ask["back"] and old:
    systemctl("stop", new["unit"])
    told["back"] = hand_over(None, old)
try:
    os.write(1, json.dumps(told).encode())
except OSError:  # the run that has begun this is gone
    pass
'''


Release = Mapping[str, str]
"""A release as the program knows it: its id, its unit, and the socket if it is one of its own, else ""."""


@dataclass(frozen=True)
class Told:
    """How a handover ended: GOOD when the new release runs, BACK when the old one does again, and the SECONDS it took."""

    good: bool
    back: bool
    seconds: float


def hint(unit_text: str, files: Sequence[str], gunicorn: str) -> str:
    """Return why an app may have to be one process, as far as its settings tell and its UNIT does not; "" for no reason.

    FILES are the databases that it has in files, such as SQLite; GUNICORN is the text of gunicorn.conf.py.
    """
    reasons = []
    if files:
        reasons.append(f"its database is a file ({files[0]})")
    if re.search(r"^workers = _workers\(1,", gunicorn, re.MULTILINE):
        reasons.append("it has one worker")
    if handover_of(unit_text) or not reasons:
        return ""
    return (
        f"{' and '.join(reasons)}, but two releases run side by side for a moment: if the app keeps data in memory or runs a "
        "scheduler, set `handover: stop_first` (requests then wait a moment); `handover: overlap` silences this note"
    )


def folder(app: str) -> Path:
    """Return the folder of the socket that an app's releases have in common."""
    return Path("/run") / app / "socket"


def unit(app: str) -> str:
    """Return the name of the unit that hands over."""
    return f"{app}-handover.service"


def wait(app: str) -> None:
    """Wait until a handover is over that a killed run has begun; systemd bounds what it waits for itself."""
    while systemd.is_active(unit(app)):
        time.sleep(LOOK_SECONDS)


def hand_over(
    app: str, current: Path, old: Release | None, new: Release, drain_seconds: int, kept: float, back: bool = True
) -> Told:
    """End the release OLD (None for none), start NEW and lead visitors there; with BACK, OLD is live again if NEW can't start.

    Raises ReleaseError when it can't even be tried.
    """
    ask = {"old": old, "new": new, "current": str(current), "drain": drain_seconds, "kept": kept, "back": back}
    if systemd.systemctl("start", f"{app}.socket").returncode:
        raise ReleaseError(f"{app}.socket, where requests wait meanwhile, did not start; run site.yml")
    command = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--unit={unit(app)}",
               f"--description=Hands {app} over to release {new['id']}",
               "/usr/bin/python3", "-c", SCRIPT, json.dumps(ask)]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        return Told(**json.loads(done.stdout))
    except (ValueError, TypeError):
        raise ReleaseError(f"the handover failed: {systemd.tail(done.stdout + done.stderr)}") from None
