# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files that somebody brings, in a tar or a zip, written into a folder of their own: nothing lands outside, no right is kept.

Names are relative and go up nowhere; links lead to what is in there; devices, pipes and sockets are refused; owners, special
bits and modes are ours. The folder is root's until all is in it, so nobody can lay a link in the way meanwhile.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds, source
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

BLOCK = 1 << 20
FILE, FOLDER = 0o640, 0o750
"""Modes as the app's own umask would give them."""
MOST = 5_000_000
"""Entries of an archive: a disk has about so many inodes."""
FINDER = {"__MACOSX", ".DS_Store"}


@dataclass
class Done:
    """What was written."""

    files: int = 0
    octets: int = 0
    top: int = 0
    """Entries of the folder itself."""


@dataclass(frozen=True)
class Member:
    """One entry. KIND is file, folder, link, "same" for another name of a file, "" for anything else."""

    name: str
    kind: str
    target: str = ""
    size: int = 0
    time: float = 0
    open: Callable[[], IO[bytes] | None] = lambda: None


def unpack(
    archive: Path, folder: Path, name: str, uid: int, gid: int, room: Callable[[int], None],
    tell: Callable[[int], None] = lambda octets: None,
) -> Done:  # fmt: skip
    """Write what ARCHIVE has into FOLDER, which must not exist; it belongs to UID and GID in the end.

    A folder called NAME that everything is in is left away: `tar -c uploads` and `tar -C uploads -c .` are the same.
    ROOM raises when so many octets more must not be written. Raises DumpError; FOLDER is to be removed then.
    """
    folder.mkdir(mode=0o700)
    done, links = Done(), list[tuple[str, str]]()
    with archive.open("rb") as file, source.damage(), _members(file) as members:
        for count, member in enumerate(members):
            if count > MOST:
                raise DumpError(f"there are more than {MOST} entries in it")
            _write(member, folder, links, done, room)
            tell(done.octets)
    for place, target in links:
        _link(folder, place, target)
    _without_top(folder, name)
    tree.own(folder, uid, gid, lambda about: FOLDER if stat.S_ISDIR(about.st_mode) else FILE)
    done.top = len(os.listdir(folder))
    return done


@contextmanager
def _members(file: IO[bytes]) -> Iterator[Iterator[Member]]:
    """Give the entries of a tar, compressed or not, or a zip, in their order."""
    begin = kinds.read(file)
    if kinds.is_zip(begin):
        with zipfile.ZipFile(file) as archive:
            yield (_of_zip(archive, info) for info in archive.infolist())
        return
    compressed = kinds.compression(begin)
    if not compressed and not kinds.is_tar(begin):
        raise DumpError("it is neither a tar (.gz, .zst, .xz, .bz2 or not) nor a zip")
    with source.opened(file, compressed) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
        yield (_of_tar(tar, info) for info in tar)


def _of_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kind = (
        "file"
        if info.isreg()
        else {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link", tarfile.LNKTYPE: "same"}.get(info.type, "")
    )
    return Member(info.name, kind, info.linkname, info.size, info.mtime, lambda: tar.extractfile(info))


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & 1:
        raise DumpError(f"'{info.filename}' is encrypted")
    mode = info.external_attr >> 16  # Unix's, where it was made on one
    kinds_: dict[int, str] = {stat.S_IFLNK: "link", stat.S_IFDIR: "folder", stat.S_IFREG: "file", 0: "file"}
    kind = "folder" if info.is_dir() else kinds_.get(stat.S_IFMT(mode), "")
    target = archive.read(info).decode("utf-8", "surrogateescape") if kind == "link" and info.file_size < 4096 else ""
    return Member(info.filename, kind, target, info.file_size, 0, lambda: cast(Any, archive.open(info)))


def checked(name: str) -> str:
    """Return the NAME of an entry as a plain relative path, "" for the folder itself. Raises DumpError for any other."""
    if name.startswith("/") or "\0" in name or ".." in name.split("/"):
        raise DumpError(f"it has the entry '{name[:200]}', which would end up outside of the folder")
    plain = posixpath.normpath(name)
    return "" if plain == "." else plain


def _write(
    member: Member, folder: Path, links: list[tuple[str, str]], done: Done, room: Callable[[int], None]
) -> None:  # fmt: skip
    name = checked(member.name)
    if FINDER & {*name.split("/")}:
        return
    if not member.kind:
        raise DumpError(f"'{name}' in it is neither a file nor a folder nor a link (a device, a pipe or a socket)")
    if member.kind == "link":
        links.append((name, member.target))
        return
    place = folder / name
    try:
        if member.kind == "folder":
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            return
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if member.kind == "same":
            os.link(folder / checked(member.target), place, follow_symlinks=False)
        else:
            _file(member, place, done, room)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise DumpError(f"it has '{name}' twice, as two different things") from None
    except FileNotFoundError:
        raise DumpError(f"'{name}' in it is another name of '{member.target}', which is not in it") from None
    done.files += 1


def _file(member: Member, place: Path, done: Done, room: Callable[[int], None]) -> None:
    place.unlink(missing_ok=True)  # a tar that was appended to has a file again; the last one counts
    with place.open("xb") as new:
        content = member.open()
        while content and (block := content.read(BLOCK)):
            room(len(block))
            new.write(block)
            done.octets += len(block)
    if member.time > 0:
        os.utime(place, (member.time, member.time))


def _link(folder: Path, name: str, target: str) -> None:
    """Lay a link, when everything else is there: it must lead to something in the folder."""
    place = folder / name
    if not tree.is_within(posixpath.dirname(name), target):
        raise DumpError(f"the link '{name}' in it leads out of the folder, to {target[:200]}")
    if os.path.realpath(place.parent) != os.path.join(os.path.realpath(folder), posixpath.dirname(name)).rstrip("/"):
        raise DumpError(f"'{name}' in it is below a link")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.path.lexists(place):
        raise DumpError(f"it has '{name}' twice, as two different things")
    place.symlink_to(target)
    top = os.path.realpath(folder)
    if not f"{os.path.realpath(place)}/".startswith(f"{top}/"):
        raise DumpError(f"the link '{name}' in it leads out of the folder, to {target[:200]}")


def _without_top(folder: Path, name: str) -> None:
    """Let the folder NAME that everything is in, if so, be FOLDER itself."""
    if os.listdir(folder) != [name] or (folder / name).is_symlink() or not (folder / name).is_dir():
        return
    aside = folder.with_name(f"{folder.name}.top")
    folder.rename(aside)
    (aside / name).rename(folder)
    aside.rmdir()


def has_files(folder: Path) -> bool:
    """Tell whether there is anything in FOLDER but folders."""
    return any(
        names or any(os.path.islink(os.path.join(top, one)) for one in inner) for top, inner, names in os.walk(folder)
    )
