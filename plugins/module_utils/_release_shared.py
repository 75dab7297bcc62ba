# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folders of an app that outlive its releases, linked into each of them; in a plan, stand-ins for what it must not change.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._release_context import Context


def link(context: Context, name: str) -> None:
    """Link the shared folder NAME into the release of CONTEXT; at first it gets what the source has there."""
    there, shared, here = context.paths.shared / name, context.shared(name), context.src / name
    if context.settings["plan"] and here.parent.resolve().is_relative_to(context.paths.shared):
        return  # in another shared folder, which a plan leaves as it is
    if shared != there:
        context.folder(context.planned, 0, 0o750)
        mirror(context, there, shared)
    if not shared.exists():
        if here.is_dir():
            shutil.copytree(here, shared, symlinks=True)
        for place in (shared, *shared.rglob("*")) if shared.exists() else ():
            os.chown(place, context.uid, context.gid, follow_symlinks=False)
    if not context.settings["plan"] or shared != there:
        context.folder(shared, context.uid, 0o750)
    if here.is_symlink() or here.is_file():
        here.unlink()
    elif here.is_dir():
        shutil.rmtree(here)
    here.parent.mkdir(parents=True, exist_ok=True)
    here.symlink_to(shared)


def mirror(context: Context, there: Path, stand_in: Path) -> None:
    """Make STAND_IN look like the shared folder THERE, by links, but for the files that a deploy would write into it."""
    written = {context.paths.shared / path for path in context.settings["files"]}
    with context.as_app():  # it may lay links while this looks
        if not there.is_dir():
            return
        entries = {entry: entry.is_dir() and not entry.is_symlink() for entry in there.iterdir()}
    context.folder(stand_in, context.uid, 0o750)
    for entry, is_folder in entries.items():
        if not any(entry in (path, *path.parents) for path in written):
            (stand_in / entry.name).symlink_to(entry)
        elif is_folder:
            mirror(context, entry, stand_in / entry.name)
