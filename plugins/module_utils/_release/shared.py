# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folders of an app that outlive its releases, linked into each of them; in a plan, stand-ins for what it must not change.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


def link(context: Context, name: str) -> None:
    """Link the shared folder NAME into the release of CONTEXT; at first it gets what the source has there.

    Raises ReleaseError when a link of the source leads elsewhere on the way: root would change what is there.
    """
    there, shared, here = context.paths.shared / name, context.shared(name), context.src / name
    plan, way = context.request.plan, here.parent.resolve()
    if way.is_relative_to(context.paths.shared.resolve()) and way == there.parent.resolve():  # in another shared folder
        if not plan:
            context.folder(there, context.uid, 0o750)
        return
    if not way.is_relative_to(context.src.resolve()):
        raise ReleaseError(f"'{name}' in 'shared_folders' can't be put there: a link of the source leads to {way}")
    if shared != there:
        context.folder(context.planned, 0, 0o750)
        mirror(context, there, shared)
    if not os.path.lexists(shared):
        begin(context, name, here.resolve(), shared)
    if not plan or shared != there:
        context.folder(shared, context.uid, 0o750)
    if here.is_symlink() or here.is_file():
        here.unlink()
    elif here.is_dir():
        shutil.rmtree(here)
    here.parent.mkdir(parents=True, exist_ok=True)
    here.symlink_to(shared)


def begin(context: Context, name: str, source: Path, shared: Path) -> None:
    """Copy the folder SOURCE to SHARED, whole or not at all, if it is part of the source."""
    if not source.is_dir() or context.is_apps(shared):
        return
    if not source.is_relative_to(context.src.resolve()):
        context.notes.append(
            f"'{name}' in 'shared_folders' is a link in the source that leads out of it, to {source}: the folder begins empty"
        )
        return
    shared.parent.mkdir(parents=True, exist_ok=True)
    new = shared.with_name(f".{shared.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(source, new, symlinks=True)
    tree.own(new, context.uid, context.gid, lambda about: stat.S_IMODE(about.st_mode))
    new.rename(shared)


def mirror(context: Context, there: Path, stand_in: Path) -> None:
    """Make STAND_IN look like the shared folder THERE, by links, but for the files that a deploy would write into it."""
    written = {context.paths.shared / path for path in context.request.files}
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
