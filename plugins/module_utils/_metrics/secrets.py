# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Passwords of the servers on loopback: an app of the host can reach those as well.

They are made on the host and are nowhere else. Each server knows a hash of its own (exporter-toolkit's web configuration:
https://prometheus.io/docs/prometheus/latest/configuration/https/); who may ask it can read its password.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import base64
import ctypes
import grp
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._metrics import places

USER = "slipway"
SERVERS = ("node", "prometheus", "alertmanager")
SCRAPE = "scrape"
"""The user of a Prometheus elsewhere, at the node exporter; its password is given by the role."""
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
GROUP = "prometheus"
COST = 4
"""bcrypt's least: a password of 32 random characters is not guessed, and each question would take its time."""


def ensure(folder: Path = places.SECRETS, web: Path = places.WEB, group: str = GROUP) -> list[str]:
    """Make what is missing; return the names of the servers whose web configuration was written.

    FOLDER is root's alone; what is in WEB can be read by GROUP, as which all of the servers run.
    """
    owner = grp.getgrnam(group).gr_gid
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    web.mkdir(mode=0o755, parents=True, exist_ok=True)
    web.chmod(0o755)  # whatever the umask is
    written = []
    for server in SERVERS:
        password = _password(folder / f"{server}.password")
        users = {USER: password}
        given = folder / f"{SCRAPE}.password"
        if server == "node" and given.exists():
            users[SCRAPE] = given.read_text().strip()
        if not _holds(web / f"{server}.yml", users):
            _for_group(web / f"{server}.yml", web_configuration(users), owner)
            written.append(server)
        _for_group(web / f"{server}.password", password, owner)
    stored.write(folder / "prometheus.nginx.conf", nginx_header((folder / "prometheus.password").read_text().strip()))
    return written


def _password(path: Path) -> str:
    """Return what is in PATH, after making it if it is not there."""
    if not path.exists() or not path.read_text().strip():
        stored.write(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def _for_group(path: Path, text: str, owner: int) -> None:
    """Write TEXT for root and the group OWNER alone, when PATH has another one."""
    try:
        status = path.stat()
        if path.read_text() == text and status.st_gid == owner and status.st_mode & 0o777 == 0o640:
            return
    except OSError:
        pass
    stored.write(path, text, 0o600)
    os.chown(path, 0 if os.geteuid() == 0 else -1, owner)
    path.chmod(0o640)


def web_configuration(users: Mapping[str, str]) -> str:
    """Return the text that lets USERS (name -> password) in."""
    rows = "".join(f'  {name}: "{hashed(password)}"\n' for name, password in users.items())
    return f"# Written by slipway-metrics.\nbasic_auth_users:\n{rows}"


def _holds(path: Path, users: Mapping[str, str]) -> bool:
    """Tell whether the web configuration at PATH lets USERS in and nobody else."""
    try:
        rows = [row.split(":", 1) for row in path.read_text().splitlines() if row.startswith("  ")]
    except OSError:
        return False
    found = {name.strip(): value.strip().strip('"') for name, value in rows}
    return set(found) == set(users) and all(crypt(users[name], found[name]) == found[name] for name in found)


def nginx_header(password: str) -> str:
    """Return the line of nginx with which it asks Prometheus in the place of a visitor that it has let in."""
    word = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return f'proxy_set_header Authorization "Basic {word}";\n'


def hashed(password: str) -> str:
    """Return bcrypt's hash of PASSWORD."""
    salt = "".join(secrets.choice(ALPHABET) for _ in range(22))
    return crypt(password, f"$2b${COST:02}${salt}")


def crypt(password: str, setting: str) -> str:
    """Return what crypt(3) makes of PASSWORD; "" when it can't. Python has no module for it any more (since 3.13)."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.argtypes, library.crypt.restype = [ctypes.c_char_p, ctypes.c_char_p], ctypes.c_char_p
    found: bytes | None = library.crypt(password.encode(), setting.encode())
    return found.decode() if found else ""
