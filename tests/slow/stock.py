# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Hosts that have been provisioned already, as far as it tests nothing of its own: once for all tests, by this checkout.

- With a site's packages: what follows `provision.yml --tags packages` finds a host as a run has left it that ended with those.
- With the site of faults.py: `site.yml` has made it of a host with the packages. A file with another description of the same
  app has the rest from its own `site.yml`.

Tests that are about a bare host, or about other packages, have a bare one, and so have the scenarios of Molecule.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from faults import App
from helpers import ROOT, VPS, Host, Project

STOCKED = frozenset(
    {
        "alerts",
        "backup_targets",
        "backups",
        "drill",
        "edge",
        "faults_jobs",
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
"""Files of tests, without `test_`, whose `host` has the packages."""
WITH_SITE = frozenset({"faults_host", "faults_killed", "faults_release", "faults_traffic"})
"""Those whose `host` has the site."""
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


ALL_OF_IT = (
    "site.yml", "ansible.cfg", "group_vars/**/*", "roles/**/*", "playbooks/**/*", "plugins/**/*", "sample_app/**/*",
    "bin/lib/vps.py", "tests/slow/stock.py", "tests/slow/faults.py", "tests/slow/app_folder.py", "tests/slow/helpers.py",
)  # fmt: skip
"""Files that decide what site.yml makes of it."""


def image(debian: str) -> str:
    """Return the image of a host with the packages, made by the first that asks; "" where it can't be kept."""
    return _kept(f"stock:debian{debian}-{_key(DECIDES)}", debian, "", _packages)


def site_image(debian: str) -> str:
    """Return the image of a host with the site of faults.App; where it can't be kept, that of one with the packages."""
    stock = image(debian)
    return _kept(f"site:debian{debian}-{_key(ALL_OF_IT)}", debian, stock, _site) or stock


def has_site(host: Host) -> bool:
    return host.image.startswith("localhost/slipway-site:")


def image_for(file: str, debian: str) -> str:
    """Return what the host of a FILE of tests is made of, "" for a bare one."""
    return site_image(debian) if file in WITH_SITE else image(debian) if file in STOCKED else ""


def _kept(name: str, debian: str, made_of: str, provision: Callable[[Path, Host], None]) -> str:
    made = f"localhost/slipway-{name}"
    state = ROOT / ".slipway"
    state.mkdir(exist_ok=True)
    with (state / f"{name.partition(':')[0]}-{debian}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closed, and so given back, when this process ends, however that is
        return made if _exists(made) or _make(debian, made, made_of, provision) else ""


def _key(decides: tuple[str, ...]) -> str:
    """Return a name of what is installed today: packages change, and so does the code that installs them."""
    found = hashlib.sha256(time.strftime("%Y-%m-%d", time.gmtime()).encode())
    for file in sorted({path for pattern in decides for path in ROOT.glob(pattern) if path.is_file()}):
        name = file.relative_to(ROOT)
        if not any(part == "__pycache__" or part.startswith(".") for part in name.parts):
            found.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def _exists(name: str) -> bool:
    return subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0


def _packages(folder: Path, host: Host) -> None:
    project = Project(folder, host)
    project.write({"slipway_apps": [APP]})
    project.good("playbooks/provision.yml", "--tags", "packages")
    host.run("apt-get clean")


def _site(folder: Path, host: Host) -> None:
    (folder / "app").mkdir()
    App(folder / "app/harbour", Project(folder, host)).project.good("site.yml")


def _make(debian: str, name: str, made_of: str, provision: Callable[[Path, Host], None]) -> bool:
    """Make the image, and tell whether it is there."""
    host = Host(f"slipway-slow-stock-{debian}-{os.getpid()}", debian, image=made_of)
    host.up(new=True)
    try:
        with tempfile.TemporaryDirectory(prefix="stock-") as folder:
            provision(Path(folder), host)
        done = subprocess.run([*VPS, "save", host.name, name], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"no image {name}, so that each host is provisioned by itself: {done.stderr}", file=sys.stderr)
        return done.returncode == 0
    finally:
        host.down()
