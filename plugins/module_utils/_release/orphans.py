# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings and units of releases that have no folder: they are left when an app's folder comes back from an older backup.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release import drain
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ID, Paths, number


def with_settings(paths: Paths) -> list[str]:
    """Return the ids of the releases that have settings or a unit of their own, oldest first."""
    units = [path.name for path in systemd.UNITS.glob(f"{paths.app}@?*.service")]
    found = {unit.removeprefix(f"{paths.app}@").removesuffix(".service") for unit in units}
    folder = paths.settings / "releases"
    found |= {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return sorted((name for name in found if ID.fullmatch(name)), key=number)


def orphans(paths: Paths) -> list[str]:
    """Return those of them that have no folder. One that still runs or drains is left to a later run, when it has ended."""
    there = {*paths.release_ids(), paths.current_id()}
    lost = [release for release in with_settings(paths) if release not in there]
    return [
        release
        for release in lost
        if not systemd.is_active(paths.unit(release)) and not drain.is_draining(paths, release)
    ]
