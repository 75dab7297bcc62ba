# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The backups of an app that goes: no more of them are made; those that there are stay, or are forgotten where that can be.

restic has a snapshot for each app, so an app's can be forgotten, and their data is pruned. pgBackRest saves the cluster as a
whole: one database can't be taken out of a backup or of WAL, so what was in it goes when the backups become too old
(`slipway_backups.keep`). Dumps of other servers' databases are in the app's snapshots.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, read
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

Say = Callable[[str], None]


def saved(app: str) -> dict[str, int | None]:
    """Return how many snapshots of APP there are at each target, None where that can't be told."""
    settings = read()
    found: dict[str, int | None] = {}
    for target in settings.targets if settings else []:
        try:
            found[target.name] = len(_snapshots(Restic(settings, target), app)) if settings else None
        except BackupError:
            found[target.name] = None
    return found


def _snapshots(restic: Restic, app: str) -> list[str]:
    return [one.id for one in restic.snapshots([f"app:{app}"])]


def still(app: str) -> AbstractContextManager[None]:
    """Wait for a backup that reads the app's folders or its database, and keep others from beginning."""
    return state.still(app) if read() else nullcontext()


def leave_out(app: str) -> bool:
    """Have no more backups made of APP; tell whether some were."""
    settings = read()
    if not settings or not settings.app(app):
        return False
    rest = replace(settings, apps=[one for one in settings.apps if one.name != app])
    state.write(places.SETTINGS, rest.as_text())
    return True


def forget(app: str, say: Say = lambda text: None) -> list[str]:
    """Remove the app's snapshots from every target; return what was done. Raises RemoveError where a target can't be reached."""
    settings, done = read(), []
    if not settings:
        return []
    failed = []
    try:
        with state.alone(say):
            for target in settings.targets:
                restic = Restic(settings, target)
                try:
                    gone = _snapshots(restic, app)
                    restic.forget(gone)
                    if gone:
                        restic.prune()
                        done.append(f"{len(gone)} snapshots at {target.name}")
                except BackupError as error:
                    failed.append(str(error))
    except BackupError as error:
        failed.append(str(error))
    if failed:
        raise RemoveError(f"not all of its backups are removed: {'; '.join(failed)}. Run this again")
    return done


def stay(app: str, saved_: dict[str, int | None], forget_: bool) -> list[str]:
    """Return what of the backups stays, one sentence each."""
    settings, notes = read(), []
    if not settings:
        return []
    at = [name for name, count in saved_.items() if count != 0] if saved_ else [one.name for one in settings.targets]
    if not forget_ and at and (saved_ or settings.app(app)):
        notes.append(
            f"its backups stay at {', '.join(at)} until they expire (`slipway_backups.keep`); "
            "-e backups=forget removes the snapshots of its folders"
        )
    own = settings.app(app)
    if settings.has_cluster and (own is None or own.database):
        notes.append(
            "backups of PostgreSQL cover the whole server: pgBackRest can't remove one database from them, so its "
            f"rows stay in them until the last one expires, {_longest(settings)}"
        )
    return notes


def _longest(settings: Settings) -> str:
    keep = settings.keep
    for count, unit in ((keep.months, "months"), (keep.weeks, "weeks")):
        if count:
            return f"after {count} {unit}"
    return f"after {keep.days} days"
