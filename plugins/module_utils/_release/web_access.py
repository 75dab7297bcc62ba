# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the web server may reach of an app: the way to it, the folders that it serves, and nothing else.

The app's folder (0750, the app's group) has one more user in its access list, who may pass through and see nothing. Below
it, what is served is readable to everybody who came so far; code and settings stay the app's. nginx follows a link only
to what its owner owns (`disable_symlinks if_not_owner`). Code is root's, so a link in it would lead to all that is root's:
those that lead out of the release are given to the app, and then lead to what is the app's own. `vetted` has the rest.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import acl, systemd
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.vetted import Vetted

LINKS_MAX = 40
"""As many links as the kernel follows in one path (path_resolution(7))."""


class WebAccess:
    """Lets the web server of CONTEXT's settings into a release of the app."""

    def __init__(self, context: Context) -> None:
        self.context, self.paths, self.web = context, context.paths, context.request.web
        self.seen: set[Path] = set()

    def open(self, release: str) -> None:
        """Let the web server into a release, and into the shared folders that it serves. Raises ReleaseError."""
        if not self.web.user:
            return
        here = self.paths.release(release)
        try:
            acl.grant(self.paths.root, self._uid(), acl.ENTER)
            for folder in (self.paths.releases, here, here / "src"):
                add_bits(folder, stat.S_IXOTH)
            self._own_links(here / "src", here)
            vetted = Vetted(here, self.context.gid, lambda path: self._inside(path, here))
            for name in self.web.folders:
                self._serve(name, here)
                if not name.startswith("/"):
                    vetted.add(name.strip("/"))
        except acl.AclError as error:
            raise ReleaseError(str(error)) from error

    def _uid(self) -> int:
        try:
            return pwd.getpwnam(self.web.user).pw_uid
        except KeyError:
            raise ReleaseError(f"there is no user '{self.web.user}' on the host; run site.yml first") from None

    def _own_links(self, folder: Path, here: Path) -> None:
        """Give links that lead out of the release HERE to the app, and the others to root."""
        for link in links_below(folder):
            owner = 0 if self._inside(link, here) else self.context.uid
            if link.lstat().st_uid != owner:
                os.chown(link, owner, self.context.gid, follow_symlinks=False)

    def _inside(self, path: Path, here: Path) -> Path | None:
        """Return where PATH leads if it ends in the release HERE, or in an environment, and nobody but root can change it."""
        real = settled(path, self.context.gid)
        kept = (here, self.paths.environments)
        return real if real and any(real.is_relative_to(folder) for folder in kept) else None

    def _serve(self, name: str, here: Path) -> None:
        """Open a folder of the code, or one that the app writes; any other stays as whoever made it wanted it."""
        path = here / "src" / name.strip("/") if not name.startswith("/") else Path(name)
        inside = self._inside(path, here)
        if inside:
            self._publish(inside, here)
            return
        real = path.resolve()
        tops = [self.paths.shared, *map(Path, self.context.request.writable_paths)]
        if any(real.is_relative_to(top) for top in tops):
            self._share(real)
        elif not name.startswith("/") and os.path.lexists(path):
            self.context.notes.append(
                f"'{name}', which nginx serves, leads to {real}: nginx follows it only if that is the app's own"
            )

    def _publish(self, place: Path, here: Path) -> None:
        """Make PLACE readable, with all that is in it and what its links lead to within the release HERE."""
        if place in self.seen:
            return
        self.seen.add(place)
        for parent in place.parents:
            if parent in self.paths.root.parents or parent == self.paths.root:
                break
            add_bits(parent, stat.S_IXOTH)
        if not place.is_dir():
            self._readable(place)
            return
        self._own_links(place, here)
        for folder, folders, files in os.walk(place):
            add_bits(Path(folder), stat.S_IROTH | stat.S_IXOTH)
            for name in folders + files:
                path = Path(folder, name)
                if path.is_symlink():
                    if target := self._inside(path, here):
                        self._publish(target, here)
                elif name in files:
                    self._readable(path)

    def _readable(self, file: Path) -> None:
        """Make a file readable unless it is the app's own: `files` may hold secrets."""
        if file.lstat().st_uid != self.context.uid:
            add_bits(file, stat.S_IROTH)

    def _share(self, folder: Path) -> None:
        """Let the web server read what is in FOLDER and will be. All of it is the app's, and done with the app's rights."""
        for parent in reversed(folder.parents):
            if parent == self.paths.root or not parent.is_relative_to(self.paths.root):
                continue
            if not parent.exists() or self.context.is_apps(parent / "any"):  # the app could put another one there
                break
            add_bits(parent, stat.S_IXOTH)
        user = self._uid()
        with self.context.as_app():
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            for parent in folder.parents:
                if parent.stat().st_uid != self.context.uid or parent == self.paths.root:
                    break
                acl.grant(parent, user, acl.ENTER)
            if not acl.has(folder, user):  # it was opened once: since then all inherits it
                self._let_read(folder, user)

    def _let_read(self, folder: Path, user: int) -> None:
        """Give USER the folder and what is in it; what the app keeps from its own group stays so."""
        acl.grant(folder, user, acl.READ | acl.ENTER, default=True)
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(
                    PermissionError, FileNotFoundError, NotADirectoryError
                ):  # not the app's, or not there any more
                    group = entry.stat(follow_symlinks=False).st_mode & stat.S_IRGRP
                    if entry.is_dir(follow_symlinks=False) and group:
                        self._let_read(Path(entry.path), user)
                    elif entry.is_file(follow_symlinks=False) and group:
                        acl.grant(entry.path, user, acl.READ)
        acl.grant(folder, user, acl.READ | acl.ENTER)

    # ---- hosts that were set up when nginx was in the app's group ----------------------------------------------

    def in_group(self) -> bool:
        """Tell whether the web server is in the app's group, as former versions had it."""
        with suppress(KeyError):
            return self.web.user in grp.getgrgid(self.context.gid).gr_mem
        return False

    def leave_group(self) -> bool:
        """Take the web server out of the app's group once the live release does without; return whether it was in.

        nginx asks for its groups when a worker starts: a reload replaces them and ends none before its work is done.
        """
        if not self.web.user or not self.in_group():
            return False
        if not all(one.lets_in(self.web.user, self.context.record.id) for one in self.context.processes):
            return False
        group = grp.getgrgid(self.context.gid).gr_name
        subprocess.run(["gpasswd", "--delete", self.web.user, group], capture_output=True, check=False)
        systemd.systemctl("reload", self.web.service)
        return True


def add_bits(path: Path, bits: int) -> None:
    """Add permission BITS to a file or folder, not to what a link leads to."""
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)


def links_below(folder: Path) -> Iterator[Path]:
    """Yield the links in FOLDER and in what is below it; none is followed."""
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(place, name)
            if path.is_symlink():
                yield path


def settled(path: Path, gid: int) -> Path | None:
    """Return what PATH leads to, None if it is not there or anybody but root could lead it elsewhere tomorrow.

    Each folder on the way must be root's, and not to be written by the group GID or by everybody.
    """
    trusted = (0, os.geteuid())
    here, todo, left = Path("/"), list(path.absolute().parts[:0:-1]), LINKS_MAX
    while todo:
        name = todo.pop()
        try:
            status = here.lstat()
            if status.st_uid not in trusted:
                return None
            if name == "..":
                here = here.parent
                continue
            found = here / name
            there = found.lstat()
            shared = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid == gid)
            if shared and not (status.st_mode & stat.S_ISVTX and there.st_uid in trusted):
                return None
            if not stat.S_ISLNK(there.st_mode):
                here = found
                continue
            target = Path(os.readlink(found))
        except OSError:
            return None
        left -= 1
        if left < 0:
            return None
        if target.is_absolute():
            here = Path("/")
        todo += [part for part in reversed(target.parts) if part != "/"]
    return here
