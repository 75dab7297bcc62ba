# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One app of a host that comes back from its backups: its folders, its database in MariaDB, and the release that served.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ID
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb, places, points, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._restore import host_files

Restore = Callable[[str, list[str], Path], bool]
"""Writes paths of a snapshot, by its name (`host`, `app:<name>`), below a folder; tells whether there is such a snapshot."""


def bring_back(app: AppData, restore: Restore, notes: list[str]) -> list[str]:
    """Bring back one app's folders, its database in MariaDB and the release that served; return what was done.

    NOTES gets what could not be brought along. Raises BackupError.
    """
    told = []
    manifest = points.staged(app.name)
    waiting = journals.FOLDER / f"host-{app.name}"
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir(mode=0o700)
    try:
        if restore(f"app:{app.name}", [*app.folders, str(manifest)], waiting):
            told_ids = state.read(Path(f"{waiting}{manifest}") / places.MANIFEST)
            ids = host_files.ids_of(app, told_ids)
            host_files.place_sqlite(waiting, manifest, app)
            told += _mariadb(app, Path(f"{waiting}{manifest}"), notes)
            for folder in app.folders:
                host_files.put(Path(f"{waiting}{folder}"), Path(folder), ids)
            told.append(f"restored the folders of {app.name}, as of {told_ids.get('name', 'its newest restore point')}")
            if _release(app, waiting, ids, restore):
                told.append(f"restored the code that served {app.name}")
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return told


def _release(app: AppData, waiting: Path, ids: Mapping[str, dict[int, int]], restore: Restore) -> bool:
    """Bring back the code and settings of the release that served; tell whether there was one."""
    root, settings = Path(app.root), Path(app.settings)
    wanted = [str(root / name) for name in ("releases", "history.jsonl", "once.json")] + [str(settings / "releases")]
    if not restore("host", wanted, waiting):
        return False
    restored = Path(f"{waiting}{root}/releases")
    releases = sorted(path.name for path in restored.glob("*") if ID.fullmatch(path.name)) if restored.is_dir() else []
    if not releases:
        return False
    release = releases[-1]
    for name in ("history.jsonl", "once.json", f"releases/{release}"):
        if os.path.lexists(f"{waiting}{root}/{name}"):
            host_files.put(Path(f"{waiting}{root}/{name}"), root / name, ids)
    if Path(f"{waiting}{settings}/releases/{release}").is_dir():
        host_files.put(Path(f"{waiting}{settings}/releases/{release}"), settings / "releases" / release, ids)
    return True


def _mariadb(app: AppData, staged: Path, notes: list[str]) -> list[str]:
    """Fill APP's database in MariaDB from its dump in what was STAGED; return what was done. Raises BackupError."""
    if not app.mariadb:
        return []
    dump = mariadb.file_of(staged, app)
    if not dump.is_file():
        raise BackupError(f"the restore point has no dump of {app.mariadb}")
    notes += [f"{app.name}: {problem}" for problem in mariadb.fill(app, dump)]
    return [f"restored the database of {app.name} in MariaDB"]
