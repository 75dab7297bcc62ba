# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Taking over files that foreign code has made: no link is followed, no right is kept."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import acl

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BLOCK = 1 << 24


class TreeError(RuntimeError):
    """Something that can't be taken over; the message is for the user."""


def copy(source: Path, target: Path, links: Collection[str] = ()) -> None:
    """Copy the folder SOURCE to TARGET, which does not exist: ours, for all to read and for nobody else to write.

    Everything is a new file: another name, an open handle, an access list or a special bit of the old one is worth
    nothing. Times are kept, for compiled Python has its source's in it. A link may lead to what is in SOURCE or be one of
    LINKS. Raises TreeError for other links and for what is neither file, folder nor link.
    """
    before = os.umask(0o022)
    try:
        for top, folders, names, handle in os.fwalk(source, follow_symlinks=False):
            place = target / os.path.relpath(top, source)
            place.mkdir()
            for name in names:
                _copy_one(handle, name, place / name, os.path.relpath(top, source), links)
            for name in folders:
                if is_link(name, handle):
                    _copy_one(handle, name, place / name, os.path.relpath(top, source), links)
    finally:
        os.umask(before)


def is_within(folder: str, led: str) -> bool:
    """Tell whether a link in FOLDER (relative to the top) that leads to LED stays below the top."""
    return not led.startswith("/") and os.path.normpath(os.path.join(folder, led)).split("/")[0] != ".."


def _copy_one(folder: int, name: str, target: Path, within: str, links: Collection[str]) -> None:
    """Copy one file or link of an open FOLDER, in few calls: an environment has thousands of files."""
    try:
        handle = os.open(name, READ, dir_fd=folder)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise TreeError(f"{os.path.join(within, name)} is neither a file nor a folder nor a link") from error
        led = os.readlink(name, dir_fd=folder)
        if led not in links and not is_within(within, led):
            raise TreeError(f"{os.path.join(within, name)} is a link to {led}, which is not part of it") from None
        os.symlink(led, target)
        return
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise TreeError(f"{os.path.join(within, name)} is neither a file nor a folder nor a link")
        mode = 0o755 if about.st_mode & 0o111 else 0o644
        new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            left = about.st_size
            while left > 0 and (sent := os.sendfile(new, handle, None, min(left, BLOCK))):
                left -= sent
            os.utime(new, ns=(about.st_atime_ns, about.st_mtime_ns))
        finally:
            os.close(new)
    finally:
        os.close(handle)


def own(folder: Path, uid: int, gid: int, bits: Callable[[os.stat_result], int], skip: Collection[str] = ()) -> None:
    """Give FOLDER and what is in it to UID and GID with the permission BITS of each file or folder; links stay links.

    Access lists go: they could let somebody in whom the bits do not name.

    SKIP: paths that stay as they are.
    """
    for top, folders, names, handle in os.fwalk(folder, follow_symlinks=False):
        _own(".", handle, uid, gid, bits)
        for name in names + [name for name in folders if is_link(name, handle)]:
            if os.path.join(top, name) not in skip:
                _own(name, handle, uid, gid, bits)


def is_link(name: str, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _own(name: str, folder: int, uid: int, gid: int, bits: Callable[[os.stat_result], int]) -> None:
    about = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
        os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False)
        return
    handle = os.open(name, READ, dir_fd=folder)
    try:
        os.fchown(handle, uid, gid)
        for attribute in (acl.ACCESS, acl.DEFAULT):
            with suppress(OSError):  # it has none
                os.removexattr(handle, attribute)
        os.fchmod(handle, bits(os.fstat(handle)))
    finally:
        os.close(handle)


def read(path: Path, most: int = 1 << 24) -> str:
    """Return the text of a file that foreign code may have put there, up to MOST bytes; raise OSError for a link."""
    handle = os.open(path, READ)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is not a regular file")
        return file.read(most).decode("utf-8", "replace")
