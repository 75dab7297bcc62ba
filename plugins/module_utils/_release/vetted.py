# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of a release's code that nginx serves without minding links: a mirror of it from which nothing leads out.

Minding links (`disable_symlinks`) makes nginx look at each folder on the way to a file, at every request: a third of what
a small file costs. Code is root's and does not change once it is deployed, so that root can look once. `vetted` in the
release's folder has the same folders, made here, and in them the same files: hard links, since a link to the folder would
have the kernel walk two paths for each request, a tenth of what a small file costs over HTTP/2. A link within the release
to a file is that file there, one to a folder is a link if nothing leads out of the folder. nginx minds links only for what
it does not find there.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NAME = "vetted"
"""The folder beside `src`."""
MODE = 0o755


class Vetted:
    """The mirror of the code of the release HERE.

    INSIDE returns where a path leads if that is in the release and only root can change it, else None. GID is the app's group.
    """

    def __init__(self, here: Path, gid: int, inside: Callable[[Path], Path | None]) -> None:
        self.here, self.gid, self.inside = here, gid, inside

    def add(self, name: str) -> None:
        """Show what NAME in the code leads to, as far as it holds no link out of the release."""
        place, shown = self.inside(self.here / "src" / name), self.here / NAME / name
        if not place:
            return
        for folder in reversed(shown.relative_to(self.here).parents[:-1]):
            if (self.here / folder).is_symlink():  # a folder above is shown, and this one with it
                return
            _make(self.here / folder)
        self._show(place, shown)

    def _show(self, place: Path, shown: Path) -> None:
        todo = [(place, shown)]
        while todo:
            here, there = todo.pop()
            # A path that is too long, a file system without hard links, what is shown already: nginx looks in the code.
            with suppress(OSError):
                status = here.lstat()
                if stat.S_ISLNK(status.st_mode):
                    self._follow(here, there)
                elif stat.S_ISREG(status.st_mode):
                    os.link(here, there, follow_symlinks=False)
                elif stat.S_ISDIR(status.st_mode) and not self._can_be_changed(status) and not there.is_symlink():
                    _make(there)
                    todo += [(child, there / child.name) for child in here.iterdir()]

    def _follow(self, link: Path, shown: Path) -> None:
        """Show what LINK leads to, if nothing there leads out of the release."""
        target = self.inside(link)
        if target and target.is_file():
            os.link(target, shown, follow_symlinks=False)
        elif target and self._is_closed(target):
            shown.symlink_to(os.path.relpath(target, shown.parent))

    def _is_closed(self, place: Path) -> bool:
        """Tell whether no link leads out of PLACE, nor out of what its links lead to, and nobody but root can lay one."""
        todo, seen = [place], {place}
        while todo:
            here = todo.pop()
            status = here.lstat()
            if stat.S_ISREG(status.st_mode):
                continue
            if not stat.S_ISDIR(status.st_mode) or self._can_be_changed(status):
                return False
            for child in here.iterdir():
                target = self.inside(child) if child.is_symlink() else child
                if not target:
                    return False
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return True

    def _can_be_changed(self, folder: os.stat_result) -> bool:
        """Tell whether others than root may put something into a folder."""
        by_group = folder.st_mode & stat.S_IWGRP and folder.st_gid == self.gid
        return folder.st_uid not in (0, os.geteuid()) or bool(folder.st_mode & stat.S_IWOTH or by_group)


def _make(folder: Path) -> None:
    """Make a folder that everybody may look into, whatever the umask."""
    if not folder.is_dir():
        folder.mkdir()
        folder.chmod(MODE)
