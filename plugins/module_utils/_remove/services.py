# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The units of an app that goes, of each of its releases and of the services that the host runs for it alone.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app import left
from ansible_collections.slipway.flask.plugins.module_utils._backup import places
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names as pgbouncer
from ansible_collections.slipway.flask.plugins.module_utils._process import runs, worker
from ansible_collections.slipway.flask.plugins.module_utils._redis import names as redis
from ansible_collections.slipway.flask.plugins.module_utils._release import boot
from ansible_collections.slipway.flask.plugins.module_utils._remove import accounts, processes
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Account

RUN = Path("/run/slipway")
WRITERS = re.compile(r"^ReadWritePaths=(.*)$", re.MULTILINE)
"""As anybody may write it: several on a line, each perhaps behind `-` or `+` (systemd.exec(5))."""
WRITABLE = re.compile(r"^ReadWritePaths=-?(/\S.*?)\s*$", re.MULTILINE)
STATE = Path("/var/lib")
SOCKETS = {"{}.socket": "\nService={}-socket.service", "{}-socket.service": "leaves {}.socket to the releases"}
"""The units at which requests wait with `handover: stop_first`, each with what it is known by: the name alone may be another's."""


def is_ours(app: str) -> bool:
    """Tell whether the host has a unit of APP that Slipway has written: by nothing else is an app known."""
    return left.name_of(systemd.unit_file(app)) == app


def pattern(app: str) -> re.Pattern[str]:
    """Return what matches the names of the units of APP, of its processes and of each release: no other app's has a dot there."""
    return re.compile(rf"{re.escape(app)}(\.[a-z][a-z0-9-]*(\.\d+)?)?@[^/]*\.(service|timer)(\.d)?")


def files(app: str) -> list[Path]:
    """Return the unit files of APP, their drop-ins and the links by which they start at boot."""
    mine, own = pattern(app), own_units(app)
    places = (systemd.UNITS, systemd.WANTS, timer.WANTS, timer.MEMORY)
    return [
        path
        for place in places
        for path in sorted(place.iterdir() if place.is_dir() else [])
        if mine.fullmatch(path.name) or path.name.removesuffix(".d") in own
    ]


def processes_of(app: str) -> list[str]:
    """Return the names of the app's processes beside `web`."""
    found = (re.match(rf"{re.escape(app)}\.([a-z][a-z0-9-]*)[.@]", path.name) for path in files(app))
    return sorted({match[1] for match in found if match})


def purposes(app: str) -> list[str]:
    """Return which instances of Redis the host has for APP."""
    return [one for one in redis.PURPOSES if Path(redis.config(f"{app}-{one}")).exists()]


def own_units(app: str) -> list[str]:
    """Return the units of the services that a host runs for one app alone, whether it has them or not, and its sockets."""
    return [pgbouncer.unit(app), *(redis.unit(f"{app}-{one}") for one in redis.PURPOSES), *sockets(app)]


def sockets(app: str) -> list[str]:
    """Return the units at which requests to APP wait for its releases, as far as there are any."""
    found = {unit.format(app): mark.format(app) for unit, mark in SOCKETS.items()}
    return [unit for unit, mark in found.items() if mark in _text(systemd.UNITS / unit)]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def loaded(app: str) -> list[str]:
    """Return the units of APP that systemd has loaded in any state but inactive: timers first, so that none begins another."""
    listed = systemd.systemctl("list-units", "--all", "--plain", "--no-legend", "--full").stdout
    rows = [row.split() for row in listed.splitlines() if len(row.split()) > 2]
    mine, own = pattern(app), own_units(app)
    names = [row[0] for row in rows if row[2] != "inactive" and (mine.fullmatch(row[0]) or row[0] in own)]
    return sorted(names, key=lambda name: (not name.endswith(".timer"), name in own, name))


def writable(app: str) -> list[str]:
    """Return the folders that the app's units may write, as the role has written them."""
    found: dict[str, None] = {}
    for path in sorted(systemd.UNITS.glob(f"{app}*@*.service")):
        if pattern(app).fullmatch(path.name):
            found |= dict.fromkeys(WRITABLE.findall(path.read_text(errors="replace")))
    return [path for path in found if not path.startswith("/run/")]


def writers(app: str) -> set[str]:
    """Return the folders that units which are not the app's may write, whoever has written them."""
    found: set[str] = set()
    mine, own = pattern(app), own_units(app)
    for path in systemd.UNITS.glob("*.service"):
        if not mine.fullmatch(path.name) and path.name not in own and not path.name.startswith("slipway-"):
            told = [one.lstrip("-+") for line in WRITERS.findall(_text(path)) for one in line.replace('"', " ").split()]
            found |= {os.path.normpath(one) for one in told if one.startswith("/")}
    return found


def strangers(app: str, users: Iterable[str]) -> list[str]:
    """Return the units that run as one of USERS and that Slipway has not written."""
    wanted, found = {f"User={user}" for user in users}, []
    mine, own = pattern(app), own_units(app)
    for path in sorted(systemd.UNITS.glob("*.service")):
        if path.is_symlink() or mine.fullmatch(path.name) or path.name in own:
            continue
        if wanted & set(path.read_text(errors="replace").splitlines()):
            found.append(path.name)
    return found


def stop(app: str) -> None:
    """End the app's timers, its processes, then the services that they have used; none of them starts at boot any more."""
    for path in files(app):
        if path.is_symlink():
            path.unlink()
    units = loaded(app)
    own = own_units(app)
    processes.stop([unit for unit in units if unit.endswith(".timer")])
    processes.stop([unit for unit in units if not unit.endswith(".timer") and unit not in own])
    processes.stop([unit for unit in units if unit in own])


def accounts_of(app: str) -> list[Account]:
    """Return the users that were made for the app and for its instances of Redis."""
    wanted = {app: f"Runs {app}"}
    wanted |= {redis.account(f"{app}-{one}"): redis.comment(f"{app}-{one}") for one in redis.PURPOSES}
    return [found for name, comment in wanted.items() if (found := accounts.of(name, comment))]


def folders(app: str) -> list[str]:
    """Return the folders of state that systemd and the services have made for the app."""
    state = [str(STATE / f"{app}.{process}") for process in processes_of(app)]
    return [*state, *(redis.data_folder(f"{app}-{one}") for one in redis.PURPOSES)]


def records(app: str) -> list[Path]:
    """Return the small files in which the host keeps what it knows of the app."""
    stamps = pattern(app)
    mine = [path for path in timer.STAMPS.glob(f"stamp-{app}*") if stamps.fullmatch(path.name.removeprefix("stamp-"))]
    for folder, ending in ((runs.FOLDER, r"\.json"), (runs.MISSED, "")):
        name = re.compile(rf"{re.escape(app)}\.[a-z][a-z0-9-]*{ending}")
        mine += [path for path in folder.glob(f"{app}.*") if name.fullmatch(path.name)]
    mine += [
        path for path in worker.STARTS.glob(f"{app}*@*") if re.fullmatch(rf"{re.escape(app)}(\.[^@]*)?@.*", path.name)
    ]
    mine += [
        path
        for path in RUN.glob(f"{app}-*.environment")
        if re.fullmatch(rf"{re.escape(app)}-\d+\.environment", path.name)
    ]
    mine += [RUN / f"{app}.{ending}" for ending in ("lease", "progress")]
    mine += [Path(pgbouncer.config(app, kind)) for kind in ("ini", "hba", "users")]
    mine += [Path(pgbouncer.folder(app)).with_name(f"{app}.loaded")]
    mine += [places.STATE / f"{app}.lock", boot.file_of(app)]
    return [*mine, *(Path(redis.config(f"{app}-{one}")) for one in redis.PURPOSES)]


def forget(app: str) -> None:
    """Have systemd forget the app's units, whose files are gone, and the slices that it made for their templates."""
    systemd.systemctl("daemon-reload")
    for one in (f"{app}@*", f"{app}.*@*", *own_units(app)):
        systemd.systemctl("reset-failed", one)
    escaped = re.escape(app.replace("-", "\\x2d"))  # systemd-escape(1): a dash would be a slice in a slice
    listed = systemd.systemctl("list-units", "--plain", "--no-legend", "--full", "--type=slice", "system-*").stdout
    mine = re.compile(rf"system-{escaped}(\.[^-]+)?\.slice")
    if slices := [row.split()[0] for row in listed.splitlines() if row.strip() and mine.fullmatch(row.split()[0])]:
        systemd.systemctl("stop", *slices)
