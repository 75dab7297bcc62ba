# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a site that was on the host before gives its domains to an app: when the app's first release is ready, and back.

The role nginx_tls leaves the file of such an app's site beside those that nginx reads, as `<app>.waiting`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._nginx import foreign

FOLDER = Path("/etc/nginx/slipway")
PID_FILE = Path("/run/nginx.pid")
PROC = Path("/proc")
WORKERS_SECONDS = 10
"""How long nginx's new workers may take to be the only ones that accept connections."""


def _waiting(app: str) -> Path:
    return FOLDER / "sites" / f"{app}.waiting"


def _conf(app: str) -> Path:
    return FOLDER / "sites" / f"{app}.conf"


def _kept(app: str) -> Path:
    """Return the folder that keeps the old site's files, each below it at its own path."""
    return FOLDER / "adopted" / app


def is_due(app: str) -> bool:
    """Tell whether another site still serves the app's domains; also after a run that was killed while it took over."""
    return _waiting(app).exists()


def take_over(app: str) -> list[str]:
    """Let nginx serve the app's domains from its own site; return the old site's files, which are kept in another folder.

    Raises HostError, with everything as it was before, when nginx refuses the whole.
    """
    text = _waiting(app).read_text()
    domains = [name for words in foreign.directives(text) if words[0] == "server_name" for name in words[1:]]
    printed = subprocess.run(["nginx", "-T"], capture_output=True, text=True, errors="replace", check=False).stdout
    files = [file.path for file in foreign.read(printed) if file.serving(domains)]
    # Its file first: a run that is killed between the two leaves both sites, of which nginx takes the first.
    new = _conf(app).with_suffix(".new")
    new.write_text(text)
    new.replace(_conf(app))
    for path in files:
        place = _kept(app) / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(path, place)  # the link of sites-enabled itself; what it leads to stays
    if problem := _reload():
        give_back(app)
        raise systemd.HostError(f"nginx rejects the app's site next to those of the host: {problem}")
    _waiting(app).unlink()
    return files


def give_back(app: str) -> None:
    """Let the old site serve the domains again, if take_over has taken them from one."""
    kept = [path for path in _kept(app).rglob("*") if path.is_symlink() or path.is_file()]
    if not kept:
        return
    if not _waiting(app).exists():
        shutil.copy2(_conf(app), _waiting(app))
    _conf(app).unlink(missing_ok=True)
    for path in kept:
        os.rename(path, "/" / path.relative_to(_kept(app)))
    shutil.rmtree(_kept(app))
    _reload()


def _reload() -> str:
    """Reload nginx and wait until only workers with the new configuration accept connections; return what it objects to."""
    tried = subprocess.run(["nginx", "-t", "-q"], capture_output=True, text=True, errors="replace", check=False)
    if tried.returncode:
        return tried.stderr.strip()
    before = workers()
    systemd.systemctl("reload", "nginx.service")
    deadline = time.monotonic() + WORKERS_SECONDS
    while time.monotonic() < deadline and (not workers() or before & workers()):
        time.sleep(0.05)
    return ""


def workers() -> set[int]:
    """Return nginx's worker processes that accept connections: one that shuts down says so in its title."""
    try:
        master = PID_FILE.read_text().strip()
        children = (PROC / master / "task" / master / "children").read_text().split()
    except OSError:
        return set()
    found = set()
    for pid in children:
        try:
            title = (PROC / pid / "cmdline").read_bytes()
        except OSError:
            continue
        if b"worker process" in title and b"shutting down" not in title:
            found.add(int(pid))
    return found
