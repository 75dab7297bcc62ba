# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is made ready of one app before its snapshot: copies of SQLite's databases, dumps, and the point's manifest.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.places import target_of
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    database,
    dumps,
    mariadb,
    places,
    points,
    sqlite,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings

CERTIFICATES = ("/etc/nginx/tls", "/etc/nginx/acme", "/etc/ssl/slipway")
"""Where a host has its certificates, and the ACME account."""


@dataclass(frozen=True)
class Staged:
    """An app's data as it goes into a snapshot: the point, the paths that are saved, and what in them is left out.

    LACKS has a sentence for each file that is not in it as it ought to be. HAS_DATABASES tells whether all of its databases are:
    then the point can stand in for a dump.
    """

    point: Point
    paths: list[Path]
    without: list[Path]
    lacks: list[str]
    has_databases: bool = True


def refuse_halves(app: str) -> None:
    """Raise BackupError while folders and database of APP may be of two moments: a restore was killed as it exchanged them."""
    for one in journals.unfinished(app):
        if one.step in ("swap", "start"):
            raise BackupError(
                f"{one.said} was interrupted while it exchanged data, so {app} is not backed up until the "
                f"next run of deploy.yml, rollback.yml or {one.what}.yml for {app} repairs it"
            )


@contextmanager
def staged(settings: Settings, app: AppData, point: Point, more: dict[str, Any] | None = None) -> Iterator[Staged]:
    """Make APP's data ready for the snapshot of POINT, which gets what is known of it; remove it again afterwards.

    :param more: what else the manifest says.
    :raises BackupError: when a database can't be copied.
    """
    folder = points.staged(app.name)
    shutil.rmtree(folder, ignore_errors=True)
    places.STAGING.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.mkdir(mode=0o711)
    try:
        # Before the folders are read: each row's file is there.
        known = {"mariadb": mariadb.stage(app, folder)} if app.mariadb else {}
        dumped, undumped = _dumped(settings, app, folder)
        tree = sqlite.look(app.folders, app.user)
        failed = sqlite.copy(tree.databases, folder / "sqlite", app.user)
        copied = [one for one in tree.databases if one not in failed]
        without = [*(path for one in copied for path in sqlite.beside(one)), *tree.hollow]
        hole = "GB large, and nearly all of it is a hole (a sparse file)"
        lacks = [f"{plain(path)} is not backed up: it is {size >> 30} {hole}" for path, size in tree.hollow.items()]
        # A file that only begins like a database is a file like any other.
        torn = {path: why for path, why in failed.items() if why != sqlite.NO_DATABASE}
        lacks += [
            f"{plain(path)} is backed up as a plain file, since SQLite can't copy it: {plain(why)}"
            for path, why in torn.items()
        ]
        lacks += undumped
        whole = replace(point, folder_bytes=tree.size, **_known(settings, app, dumped))
        manifest = {
            **asdict(whole),
            "files": tree.files,
            "sqlite": [str(one) for one in copied],
            "owner": _owner(app),
            **known,
            **(more or {}),
        }
        state.write(folder / places.MANIFEST, json.dumps(manifest, indent=2, sort_keys=True) + "\n")
        there = [Path(path) for path in app.folders if Path(path).exists()]
        yield Staged(whole, [*there, folder], without, lacks, not torn and not undumped)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dumped(settings: Settings, app: AppData, folder: Path) -> tuple[int, list[str]]:
    """Dump a database elsewhere, if that is wanted; return the dump's octets, and why there is none."""
    if not (settings.databases_elsewhere and app.elsewhere):
        return 0, []
    try:
        return dumps.stage(app, folder), []
    except BackupError as error:
        return 0, [f"{error}; its folders were saved"]


def _owner(app: AppData) -> list[int]:
    """Return the numbers of the app's user and group here: on another host they may be others, and files have numbers only."""
    found = pwd.getpwnam(app.user)
    return [found.pw_uid, found.pw_gid]


def _known(settings: Settings, app: AppData, dumped: int = 0) -> dict[str, Any]:
    """Return the live release, and of the database its bytes (of a dump: those DUMPED) and where its migrations are."""
    release = target_of(Path(app.root) / "current") if app.root else ""
    found: dict[str, Any] = {"release": release}
    if app.database:
        known = database.look(database.cluster_of(settings), app.database, app.user)
        return {**found, "database_bytes": known.size, "head": known.head}
    if app.mariadb:
        known = mariadb.look(app)
        return {**found, "database_bytes": known.size, "head": known.head}
    record = state.read(Path(app.root) / "releases" / release / "release.json") if release else {}
    return {**found, "database_bytes": dumped, "head": "+".join(record.get("heads_after") or [])}


def host_paths(settings: Settings) -> list[Path]:
    """Return what else is needed to restore a host: certificates, the ACME account, apps' secrets and the live code."""
    wanted = [*map(Path, CERTIFICATES)]
    for app in settings.apps:
        wanted += [Path(app.settings)] if app.settings else []
        root = Path(app.root)
        if app.root and (release := target_of(root / "current")):
            home = root / "releases" / release
            wanted += [home / "src", home / "release.json", root / "history.jsonl", root / "once.json"]
    return [path for path in wanted if path.exists()]
