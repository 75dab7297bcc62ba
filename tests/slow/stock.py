# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Hosts that have a site's packages already: each of them saves the half of provisioning that tests nothing of its own.

They come from an image that `provision.yml --tags packages` of this checkout has made of a bare host, once for all tests:
what follows finds a host as a run has left it that ended with its packages. Tests that are about a bare host, or about other
packages, have a bare one, and so have the scenarios of Molecule.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers import ROOT, VPS, Host, Project

STOCKED = frozenset(
    {
        "alerts",
        "backup_targets",
        "backups",
        "drill",
        "edge",
        "faults_jobs",
        "faults_killed",
        "faults_release",
        "faults_traffic",
        "first_steps",
    }
    | {
        "asgi",
        "foreign_apps",
        "handover",
        "hooks",
        "hostile",
        "compose",
        "image",
        "kubernetes",
        "metrics",
        "migrations",
        "pooling",
        "promotion",
        "remove",
    }
    | {
        "object_storage",
        "pipeline",
        "restore",
        "restore_host",
        "secrets",
        "sources",
        "standby",
        "standby_lost",
        "transfer",
    }
)
"""Files of tests, without `test_`, whose `host` is such a one."""
DECIDES = (
    "roles/*/defaults/*.yml", "roles/*/vars/*.yml", "roles/*/tasks/*.yml", "playbooks/**/*.yml", "bin/lib/vps.py",
    "plugins/filter/*.py", "plugins/modules/packages*.py", "plugins/action/packages.py",
    "plugins/module_utils/_host/packages.py", "plugins/module_utils/_python/uv*.py", "tests/slow/stock.py",
)  # fmt: skip
"""Files that decide what is installed, and how. One that is missing here costs time at worst: site.yml installs what it lacks."""
APP = {
    "name": "stock", "domains": ["stock.example.org"], "wsgi": "stock:app", "source": {"package": "stock==1"},
    "secret_key_variable": "",
}  # fmt: skip
"""A site as most tests have it: its own PostgreSQL. It comes no further than its packages."""


def image(debian: str) -> str:
    """Return the image of a host with the packages, made by the first that asks; "" where it can't be kept."""
    made = f"localhost/slipway-stock:debian{debian}-{_key()}"
    state = ROOT / ".slipway"
    state.mkdir(exist_ok=True)
    with (state / f"stock-{debian}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closed, and so given back, when this process ends, however that is
        return made if _exists(made) or _make(debian, made) else ""


def _key() -> str:
    """Return a name of what is installed today: packages change, and so does the code that installs them."""
    found = hashlib.sha256(time.strftime("%Y-%m-%d", time.gmtime()).encode())
    for file in sorted(path for pattern in DECIDES for path in ROOT.glob(pattern)):
        found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def _exists(name: str) -> bool:
    return subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0


def _make(debian: str, name: str) -> bool:
    """Make the image, and tell whether it is there."""
    host = Host(f"slipway-slow-stock-{debian}-{os.getpid()}", debian)
    host.up(new=True)
    try:
        with tempfile.TemporaryDirectory(prefix="stock-") as folder:
            project = Project(Path(folder), host)
            project.write({"slipway_apps": [APP]})
            project.good("playbooks/provision.yml", "--tags", "packages")
            host.run("apt-get clean")
        done = subprocess.run([*VPS, "save", host.name, name], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"no image of a host with packages, so that each installs its own: {done.stderr}", file=sys.stderr)
        return done.returncode == 0
    finally:
        host.down()
