# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The restore point of one app before its migration, which a deploy waits for: the database's part comes first.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment, points, staging, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings

LOCK_SECONDS = 60
"""How long a run that is under way is waited for."""


def before(settings: Settings, name: str, release: str, tell: Callable[[Mapping[str, Any]], None]) -> None:
    """Make the point of the app called NAME before RELEASE migrates.

    :param tell: gets `point` as soon as the database has it, and at the end `problems`, [] when the point is whole.
    :raises BackupError: when there is no such app, or the database's part can't be made.
    """
    app = settings.app(name)
    if app is None:
        raise BackupError(f"there is no app {name} in this host's backups: run site.yml")
    point = Point(moment.name(moment.now(), release), name, reason=f"before {release}")
    if app.database:
        points.mark(settings, point.name)
        tell({"point": point.name})
    try:
        problems, is_whole = _folders(settings, app, point)
    except BackupError as error:
        problems, is_whole = [str(error)], False
    if not app.database and is_whole:
        tell({"point": point.name})
    tell({"problems": problems})


def _folders(settings: Settings, app: AppData, point: Point) -> tuple[list[str], bool]:
    """Save the app's folders to every target.

    Return what is wrong with that, and whether all of its databases in them are at one target at least. Raises BackupError.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with state.alone(wait=False):
                return _save(settings, app, point)
        except state.Busy as error:
            if time.monotonic() > deadline:
                raise BackupError(f"the folders were not saved with it: {error}") from None
            time.sleep(0.5)


def _save(settings: Settings, app: AppData, point: Point) -> tuple[list[str], bool]:
    failed: list[str] = []
    with staging.staged(settings, app, point) as ready:
        for target in settings.targets:
            try:
                Restic(settings, target).backup(ready.paths, points.tags(ready.point), ready.without)
            except BackupError as error:
                failed.append(str(error))
    lacks = [] if ready.has_databases else ready.lacks
    return [*lacks, *failed], ready.has_databases and len(failed) < len(settings.targets)
