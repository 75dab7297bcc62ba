# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The site of an app that goes: its files, its certificate and what renews it, its logs. nginx is reloaded, never restarted.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import state
from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import Entry, FilesError
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import places as upkeep
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings as UpkeepSettings

TLS = Path("/etc/nginx/tls")
LOGS = Path("/var/log/nginx")
UNIT = "nginx.service"
NAME = re.compile(r"^\s*server_name\s+([^;]+);", re.MULTILINE)


def files(app: str, folder: Path = maintenance.FOLDER) -> list[Path]:
    """Return the files of the app's site in nginx's configuration, as far as they are there."""
    access = re.compile(rf"{re.escape(app)}(-\d+\.users|\.ca)")
    found = [folder / "sites" / f"{app}.{ending}" for ending in ("conf", "waiting")]
    found += [path for path in sorted((folder / "access").glob(f"{app}*")) if access.fullmatch(path.name)]
    return [path for path in [*found, folder / "maintenance" / app] if path.exists()]


def domains(app: str, folder: Path = maintenance.FOLDER) -> list[str]:
    """Return the domains that the app's site answers for."""
    names: dict[str, None] = {}
    for path in files(app, folder):
        if path.parent.name == "sites":
            for found in NAME.findall(path.read_text(errors="replace")):
                names |= dict.fromkeys(found.split())
    return list(names)


def logs(app: str, folder: Path = LOGS) -> list[Path]:
    """Return the logs of the site, rotated ones among them: an app's name has no dot, so no other's begins like that."""
    wanted = re.compile(rf"{re.escape(app)}\.(access|error)\.log([.-]\d+)?(\.(gz|xz|bz2|zst))?")
    return [path for path in sorted(folder.glob(f"{app}.*")) if wanted.fullmatch(path.name)]


def certificate(app: str) -> str:
    """Return the folder of the site's certificate and key."""
    return str(TLS / app)


def close(app: str) -> list[str]:
    """Take the site out of nginx; return the files that are gone. Raises RemoveError when nginx refuses the rest as it is."""
    there, files_ = files(app), FileSet()
    if not there:
        return []
    try:
        files_.apply([Entry(str(path), state="absent") for path in there])
        files_.validate(["nginx", "-t"])
    except FilesError as error:
        raise RemoveError(f"the site can't be removed from nginx: {error}") from None
    if systemd.is_active(UNIT):
        done = systemd.systemctl("reload", UNIT)
        if done.returncode:
            raise RemoveError(f"nginx can't be reloaded: {done.stderr.strip()}")
    return files_.changed


def forget_renewal(app: str, folder: Path = acme.FOLDER) -> bool:
    """Take the site out of what is renewed; tell whether it was in it."""
    try:
        settings = acme.Settings.read(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    rest = [site for site in settings.sites if site.name != app]
    if len(rest) == len(settings.sites):
        return False
    state.write(folder / acme.SETTINGS, replace(settings, sites=rest).as_text())
    return True


def forget_check(app: str, file: Path = upkeep.SETTINGS) -> bool:
    """Take the site out of those that must answer after a reboot; tell whether it was in them."""
    try:
        settings = UpkeepSettings.read(file)
    except (OSError, ValueError, TypeError):
        return False
    rest = [site for site in settings.sites if site.get("name") != app]
    if len(rest) == len(settings.sites):
        return False
    state.write(file, replace(settings, sites=rest).as_text())
    return True
