# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""APT packages: which are missing, and all of them in one transaction.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LISTS = Path("/var/lib/apt/lists")
UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
TAIL_LINES = 15


class PackagesError(RuntimeError):
    """Packages can't be installed; the message is for the user."""


def missing(names: Sequence[str]) -> list[str]:
    """Return those of NAMES that are not installed, in order."""
    query = [
        "dpkg-query",
        "--show",
        "--showformat=${db:Status-Abbrev}\\t${binary:Package}\\t${Package}\\n",
        "--",
        *names,
    ]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    found = set()
    for row in done.stdout.splitlines():
        status, *both = row.split("\t")
        if status.startswith("ii"):
            found.update(both)
    return [name for name in dict.fromkeys(names) if name not in found]


def lists_age() -> float:
    """Return how many seconds ago APT's package lists were fetched; infinite when there are none."""
    fetched = [entry.stat().st_mtime for entry in LISTS.glob("*_Packages*")] if LISTS.is_dir() else []
    if not fetched:
        return float("inf")
    return time.time() - max([LISTS.stat().st_mtime, *fetched])


def apt_get(lock_seconds: int, *arguments: str) -> None:
    """Run apt-get, waiting for another run of it. Raises PackagesError with its last lines."""
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_MODE": "l",  # Ubuntu would restart services by itself
        "LC_ALL": "C.UTF-8",
    }
    options = [f"-oDPkg::Lock::Timeout={lock_seconds}", "-oDpkg::Use-Pty=0", "-oDpkg::Options::=--force-confold"]
    command = ["apt-get", "-qq", "--yes", *options, *arguments]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in said if line.startswith(("E:", "W:"))] or said
        raise PackagesError(f"`apt-get {arguments[0]}` failed:\n" + "\n".join(errors[-TAIL_LINES:]))


def write_first(files: Mapping[str, str]) -> None:
    """Write FILES (path to text) that an installation reads, where there are none: what is there is somebody's choice.

    So is a unit: a drop-in (`NAME.service.d/…`) is for one that comes with the installation, not for one that runs already.
    """
    for name, text in files.items():
        path = Path(name)
        unit = path.parent.name.removesuffix(".d")
        if path.parent.name.endswith(".service.d") and any((folder / unit).exists() for folder in UNIT_FOLDERS):
            continue
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                file.write(text)
        except FileExistsError:
            continue
        path.chmod(0o644)


def install(names: Sequence[str], cache_seconds: int, lock_seconds: int) -> None:
    """Install NAMES without what they only recommend, after fetching lists older than CACHE_SECONDS.

    Lists that are fresh may still lack what was released since, so a failure with them is tried once more after an update.
    """
    fresh = lists_age() > cache_seconds
    if fresh:
        apt_get(lock_seconds, "update")
    try:
        apt_get(lock_seconds, "install", "--no-install-recommends", "--", *names)
    except PackagesError:
        if fresh:
            raise
        apt_get(lock_seconds, "update")
        apt_get(lock_seconds, "install", "--no-install-recommends", "--", *names)
