# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases that go: one that was given up or killed, and those beyond the number that is kept.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release import drain
from ansible_collections.slipway.flask.plugins.module_utils._release.commands import PURPOSES, command_unit
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import to_prune


def remove(context: Context, release: str) -> None:
    """Remove a release that does not serve: its processes, commands of it that still run, folder and settings."""
    paths = context.paths
    units = [unit for process in context.processes for unit in process.units(release)]
    systemd.stop(*units, *(command_unit(paths.app, purpose, release) for purpose in PURPOSES))
    for process in context.processes:
        process.forget(release)
    if paths.previous_id() == release:
        paths.previous.unlink()
    shutil.rmtree(paths.settings_of(release), ignore_errors=True)
    # The record goes first: a folder without one is discarded by the next run.
    gone = paths.release(release)
    (gone / "release.json").unlink(missing_ok=True)
    shutil.rmtree(gone, ignore_errors=True)


def prune(context: Context, keep: int, spare: str | None = None) -> None:
    """Remove releases beyond the newest KEEP, and environments and archives that none of the kept ones uses.

    spare: an environment that stays although nothing uses it, for the next try, which would have to build it again; "" for the
        newest of those, None for none.
    """
    paths = context.paths
    current = paths.current_id()
    serving = paths.record(current)
    previous = serving.previous if serving else ""
    busy = {one.release for one in drain.draining(context.processes)}
    for release in to_prune(paths.release_ids(), current, keep, previous):
        if release not in busy:  # the next deploy removes it
            remove(context, release)
    kept = [record for release in paths.release_ids() if (record := paths.record(release))]
    used = {record.environment for record in kept}
    unused = [
        folder
        for folder in paths.environments.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in used
    ]
    spared = spared_of(unused, paths.environments / spare) if unused and spare is not None else None
    for folder in unused:
        if folder != spared:
            shutil.rmtree(folder)
    archives = {paths.archive(record.source_key).name for record in kept}
    for archive in paths.sources.iterdir():
        if archive.name not in archives:
            archive.unlink()


def spared_of(unused: list[Path], own: Path) -> Path:
    """Return which of the environments that no release uses stays: a run's OWN, or else the newest."""
    return own if own in unused else max(unused, key=lambda folder: folder.stat().st_mtime)
