# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What lies in folders and beside units of Slipway's and is not Slipway's.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ID, Places
from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

MARKS = ("slipway.flask", "Managed by Ansible", "Written by Ansible")
"""One of them stands in each file that a role writes for a program that knows comments."""
OF_APP = {
    "releases", "venvs", "shared", "sources", "current", "previous", "history.jsonl", "once.json", "repository.git",
}  # fmt: skip
"""What a release, a deploy and their records need below /srv/<app>."""
SETTINGS = {"environment", "gunicorn.conf.py", "processes.json", "releases"}
NGINX = Path("/etc/nginx/slipway")
UNITS = ("nginx.service", "postgresql@*.service", "slipway-*")
"""The host's units that Slipway has set up."""
UNKNOWN = "is not Slipway's"


def of_app(paths: Places, kept: Collection[str] = ()) -> Iterator[Difference]:
    """Yield what lies in the folders of the app at PATHS; restores have KEPT some paths, which are none of it."""
    for folder, known in ((paths.root, OF_APP), (paths.settings, SETTINGS)):
        for path in listed(folder):
            if path.name not in known and str(path) not in kept:
                yield Difference(str(path), UNKNOWN)
    for folder in (paths.releases, paths.settings / "releases"):
        for path in listed(folder):
            if not ID.fullmatch(path.name):
                yield Difference(str(path), UNKNOWN)


def drop_ins(apps: Iterable[str], units: Path = systemd.UNITS) -> Iterator[Difference]:
    """Yield what `systemctl edit` and others have put beside the units of APPS and the host's that Slipway has set up."""
    own = [pattern for app in apps for pattern in (f"{app}@*", f"{app}.*@*")]
    for pattern in (*own, *UNITS):
        for folder in sorted(units.glob(f"{pattern}.d")):
            for path in listed(folder):
                if not is_marked(path):
                    yield Difference(str(path), f"{UNKNOWN}: it changes {folder.name.removesuffix('.d')}")


def of_nginx(folder: Path = NGINX) -> Iterator[Difference]:
    """Yield what lies beside nginx's settings and pages; the sites and lists of addresses are site.yml's to remove."""
    for path in listed(folder):
        if path.is_file() and not is_marked(path):
            yield Difference(str(path), UNKNOWN)


def is_marked(path: Path) -> bool:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return False
    return any(mark in text for mark in MARKS)


def listed(folder: Path) -> list[Path]:
    """Return what FOLDER has, but for what is hidden: locks, notes of runs, and files that are being written."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
