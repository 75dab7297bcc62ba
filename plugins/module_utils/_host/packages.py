# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""APT packages: which are missing, and all of them in one transaction, once nobody else is at it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LISTS = Path("/var/lib/apt/lists")
UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
TAIL_LINES = 15
FIRST = ("-oAcquire::Languages=none",)
"""For a host without any lists: the descriptions of sixty thousand packages can wait for APT's daily update. Where there are
some, an update without them would remove them."""
LOCKED = re.compile(
    r"(?:Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock) ?(?:directory )?(\S*)"
)
"""What APT says of a lock that another run has. DPkg::Lock::Timeout waits for dpkg's alone, not for that of the lists."""
HOLDER = re.compile(r"held by process (\d+)(?: \(([^)]*)\))?")
TRY_SECONDS = 3


class PackagesError(RuntimeError):
    """Packages can't be installed; the message is for the user."""


@dataclass
class Patience:
    """The SECONDS that other runs of APT are waited for, in all; WAITED and HOLDER are what came of it."""

    seconds: float
    waited: float = 0.0
    holder: str = ""

    @property
    def said(self) -> str:
        """The sentence for a user, "" when nobody was waited for."""
        return f"waited {self.waited:.0f} s for {self.holder}, which had locked APT" if self.waited else ""

    def wait(self, said: str) -> bool:
        """Wait a moment when a lock is what APT SAID; tell whether it is worth another try."""
        if not LOCKED.search(said):
            return False
        found = HOLDER.search(said)
        self.holder = (found[2] or f"process {found[1]}") if found else self.holder or "another run of it"
        if self.waited >= self.seconds:
            return False
        time.sleep(TRY_SECONDS)
        self.waited += TRY_SECONDS
        return True


def lacking(names: Sequence[str], installed: Collection[str]) -> list[str]:
    """Return those of NAMES that are not INSTALLED, in order; of `one | another` the first, when neither is."""
    choices = [name.replace(" ", "").split("|") for name in dict.fromkeys(names)]
    return [names[0] for names in choices if not set(names) & set(installed)]


def missing(names: Sequence[str]) -> list[str]:
    """Return those of NAMES that are not installed on this host, as `lacking` does."""
    query = [
        "dpkg-query",
        "--show",
        "--showformat=${db:Status-Abbrev}\\t${binary:Package}\\t${Package}\\n",
        "--",
        *(one.strip() for name in names for one in name.split("|")),
    ]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    found = set()
    for row in done.stdout.splitlines():
        status, *both = row.split("\t")
        if status.startswith("ii"):
            found.update(both)
    return lacking(names, found)


def lists_age() -> float:
    """Return how many seconds ago APT's package lists were fetched; infinite when there are none."""
    fetched = [entry.stat().st_mtime for entry in LISTS.glob("*_Packages*")] if LISTS.is_dir() else []
    if not fetched:
        return float("inf")
    return time.time() - max([LISTS.stat().st_mtime, *fetched])


def apt_get(patience: Patience, *arguments: str) -> None:
    """Run apt-get, waiting for other runs of it as PATIENCE allows. Raises PackagesError with its last lines."""
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_MODE": "l",  # Ubuntu would restart services by itself
        "LC_ALL": "C.UTF-8",
    }
    options = ["-oDpkg::Use-Pty=0", "-oDpkg::Options::=--force-confold"]
    command = ["apt-get", "-qq", "--yes", *options, *arguments]
    while True:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            check=False,
        )
        if not done.returncode or not patience.wait(done.stdout + done.stderr):
            break
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in said if line.startswith(("E:", "W:"))] or said
        waited = f" ({patience.said})" if patience.waited else ""
        raise PackagesError(f"`apt-get {arguments[0]}` failed{waited}:\n" + "\n".join(errors[-TAIL_LINES:]))


def write_first(files: Mapping[str, str]) -> None:
    """Write FILES (path to text) that an installation reads, where there are none: what is there is somebody's choice.

    So is a unit: a drop-in (`NAME.service.d/…`), or an empty unit that masks one, is for what comes with the installation, not for
    what runs already.
    """
    for name, text in files.items():
        path = Path(name)
        unit = path.name if path.suffix == ".service" else path.parent.name.removesuffix(".d")
        if unit.endswith(".service") and any((folder / unit).exists() for folder in UNIT_FOLDERS):
            continue
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                file.write(text)
        except FileExistsError:
            continue
        path.chmod(0o644)


def install(names: Sequence[str], cache_seconds: int, lock_seconds: float) -> str:
    """Install NAMES without what they only recommend, after fetching lists older than CACHE_SECONDS.

    Return a sentence about who was waited for, for LOCK_SECONDS at most, "" when nobody was.

    Lists that are fresh may still lack what was released since, so a failure with them is tried once more after an update.
    """
    patience, age = Patience(lock_seconds), lists_age()
    fresh = age > cache_seconds
    if fresh:
        apt_get(patience, "update", *(() if age < float("inf") else FIRST))
    try:
        apt_get(patience, "install", "--no-install-recommends", "--", *names)
    except PackagesError:
        if fresh:
            raise
        apt_get(patience, "update")
        apt_get(patience, "install", "--no-install-recommends", "--", *names)
    return patience.said
