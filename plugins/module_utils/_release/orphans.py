# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings and units of releases that have no folder: they are left when an app's folder comes back from an older backup.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ID, number


def with_settings(context: Context) -> list[str]:
    """Return the ids of the releases that have settings or a unit of their own, oldest first."""
    found = {release for process in context.processes for release in process.with_unit()}
    folder = context.paths.settings / "releases"
    found |= {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return sorted((name for name in found if ID.fullmatch(name)), key=number)


def orphans(context: Context) -> list[str]:
    """Return those of them that have no folder. One that still runs or drains is left to a later run, when it has ended."""
    there = {*context.paths.release_ids(), context.paths.current_id()}
    lost = [release for release in with_settings(context) if release not in there]
    return [release for release in lost if not any(process.is_there(release) for process in context.processes)]
