# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What killed runs of Ansible's modules leave in root's temporary folders: the next run over a release sweeps it.

Only folders of root's own go, and nobody's link is followed: a folder of root's in /tmp can't be replaced by others (sticky
bit), nor can what is in it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PAYLOADS = Path("/tmp")
"""Where a module unpacks its code: AnsiballZ's tempfile.mkdtemp(prefix="ansible_<module>_payload_")."""
PAYLOAD = re.compile(r"ansible_[\w.-]+_payload_\w+")
OURS = Path(getattr(sys.modules.get("ansible.module_utils"), "__file__", None) or __file__)
"""What Ansible has sent, in the payload of the module that runs: whatever the clock says, that one is not left behind."""
TRANSFERS = Path("~root/.ansible/tmp")
"""Ansible's default `remote_tmp` of root: a module's file with all of its parameters, where pipelining is off."""
TRANSFER = re.compile(r"ansible-(module)?tmp-[\w.-]+")
DAY_SECONDS = 86400
"""Nothing of a transfer tells whether somebody still needs it. No task of Slipway's takes a day."""
UNPACKING_SECONDS = 300
"""A module unpacks its code when it starts; a busy host may take so long for it."""
PROCESSES = Path("/proc")


def sweep() -> None:
    """Remove what is nobody's any more. What can't be removed stays: no release fails because of it."""
    for folder in _folders(PAYLOADS, PAYLOAD):
        if folder not in OURS.parents and not _has_owner(folder):
            shutil.rmtree(folder, ignore_errors=True)
    for folder in _folders(TRANSFERS.expanduser(), TRANSFER):
        if time.time() - folder.lstat().st_mtime > DAY_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(place: Path, name: re.Pattern[str]) -> Iterable[Path]:
    """Return the folders at PLACE whose name is like NAME and that are the caller's own; links are none."""
    try:
        entries = [entry for entry in os.scandir(place) if name.fullmatch(entry.name)]
    except OSError:
        return
    for entry in entries:
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
            yield Path(entry.path)


def _has_owner(folder: Path) -> bool:
    """Tell whether another Python of the caller's may have unpacked FOLDER: one that started shortly before it was made."""
    try:
        made = folder.lstat().st_mtime
    except OSError:
        return True
    return any(-UNPACKING_SECONDS <= started - made <= 1 for started in _starts())


def _starts() -> Iterable[float]:
    """Return when the caller's other Python processes started, in seconds of the epoch."""
    now, up = time.time(), float((PROCESSES / "uptime").read_text().split()[0])
    for process in PROCESSES.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if process.stat().st_uid != os.geteuid() or "python" not in os.path.basename(os.readlink(process / "exe")):
                continue
            # proc_pid_stat(5): the name in brackets may hold blanks; starttime is the 20th field after it.
            ticks = int((process / "stat").read_text().rpartition(")")[2].split()[19])
        except (OSError, ValueError, IndexError):
            continue
        yield now - up + ticks / os.sysconf("SC_CLK_TCK")
