# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Taking over files that foreign code has made: no link is followed, no right is kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path

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
    for top, folders, names, handle in os.fwalk(source, follow_symlinks=False):
        place = target / os.path.relpath(top, source)
        place.mkdir(mode=0o755)
        for name in folders + names:
            about = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISLNK(about.st_mode):
                led = os.readlink(name, dir_fd=handle)
                if led not in links and not is_within(os.path.relpath(top, source), led):
                    raise TreeError(f"{os.path.join(top, name)} is a link to {led}, which is not part of it")
                os.symlink(led, place / name)
            elif stat.S_ISREG(about.st_mode):
                _copy_file(handle, name, place / name)
            elif not stat.S_ISDIR(about.st_mode):
                raise TreeError(f"{os.path.join(top, name)} is neither a file nor a folder nor a link")


def is_within(folder: str, led: str) -> bool:
    """Tell whether a link in FOLDER (relative to the top) that leads to LED stays below the top."""
    return not led.startswith("/") and os.path.normpath(os.path.join(folder, led)).split("/")[0] != ".."


def _copy_file(folder: int, name: str, target: Path) -> None:
    handle = os.open(name, READ, dir_fd=folder)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise TreeError(f"'{name}' is no file any more")
        mode = 0o755 if about.st_mode & 0o111 else 0o644
        new = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            while os.sendfile(new, handle, None, BLOCK):
                pass
            os.fchmod(new, mode)
            os.utime(new, ns=(about.st_atime_ns, about.st_mtime_ns))
        finally:
            os.close(new)
    finally:
        os.close(handle)


def own(folder: Path, uid: int, gid: int, bits: Callable[[os.stat_result], int], skip: Collection[str] = ()) -> None:
    """Give FOLDER and what is in it to UID and GID with the permission BITS of each file or folder; links stay links.

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
        os.fchmod(handle, bits(os.fstat(handle)))
    finally:
        os.close(handle)


def read(path: Path, most: int = 1 << 24) -> str:
    """Return the text of a file that foreign code may have put there, up to MOST bytes; raise OSError for a link."""
    handle = os.open(path, READ)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no file")
        return file.read(most).decode("utf-8", "replace")
