# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of a release's code that nginx serves without minding links: a mirror of it from which nothing leads out.

Minding links (`disable_symlinks`) makes nginx look at each folder on the way to a file, at every request: a third of what
a small file costs. Code is root's and does not change once it is deployed, so that root can look once. `vetted` in the
release's folder has links, made here, to what holds no link out of the release; a folder that does hold one is a folder
there too, of all in it but that. nginx minds links only for what it does not find there.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
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
        if os.path.lexists(shown):
            return
        if self._is_closed(place):
            shown.symlink_to(os.path.relpath(place, shown.parent))
            return
        status = place.lstat()
        if not stat.S_ISDIR(status.st_mode) or self._can_be_changed(status):
            return
        _make(shown)
        for child in sorted(place.iterdir()):
            if not child.is_symlink():
                self._show(child, shown / child.name)
            elif (target := self.inside(child)) and self._is_closed(target):
                self._show(target, shown / child.name)

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
