# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files that come back on another host: put in their places, with the users that they have there.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import errno
import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._restore import folders


def ids_of(app: AppData, manifest: Mapping[str, Any]) -> dict[str, dict[int, int]]:
    """Return which number of a user and of a group on the old host is which here. Raises BackupError."""
    try:
        here = pwd.getpwnam(app.user)
    except KeyError:
        raise BackupError(f"there is no user '{app.user}' on the host") from None
    old = manifest.get("owner") or [here.pw_uid, here.pw_gid]
    return {"users": {int(old[0]): here.pw_uid}, "groups": {int(old[1]): here.pw_gid}}


def place_sqlite(waiting: Path, staged: Path, app: AppData) -> None:
    """Move whole copies of SQLite's databases to where the databases were."""
    folders.place_copies(waiting, Path(f"{waiting}{staged}/sqlite"), [Path(folder) for folder in app.folders])


def put(source: Path, target: Path, ids: Mapping[str, dict[int, int]]) -> None:
    """Move what was restored to its place, with owners of this host; what a set-up has made there meanwhile gives way."""
    if not os.path.lexists(source):
        return
    own(source, ids)
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if target.is_mount():
        for one in source.iterdir():
            put(one, target / one.name, ids)
        shutil.copystat(source, target)
        os.chown(target, source.stat().st_uid, source.stat().st_gid)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if run(["cp", "--archive", "--no-target-directory", "--", str(source), str(target)]).returncode:
            raise BackupError(f"{target} could not be written: is there room?") from None


def own(top: Path, ids: Mapping[str, dict[int, int]]) -> None:
    """Give TOP and all in it to the users and groups of this host that they belonged to on the old one; links stay links."""
    users, groups = ids["users"], ids["groups"]
    for folder, names, files in os.walk(top) if top.is_dir() else [(str(top.parent), [], [top.name])]:
        for path in [folder] * top.is_dir() + [os.path.join(folder, name) for name in (*names, *files)]:
            about = os.lstat(path)
            user, group = users.get(about.st_uid, about.st_uid), groups.get(about.st_gid, about.st_gid)
            if (user, group) != (about.st_uid, about.st_gid):
                mode = about.st_mode & 0o7777
                os.chown(path, user, group, follow_symlinks=False)
                if mode & 0o6000 and not os.path.islink(path):
                    os.chmod(path, mode)  # a change of owner takes these bits away
