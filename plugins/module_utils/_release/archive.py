# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Archives on the host: fetched whole or not at all, and unpacked so that nothing lands outside of the release.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import http.client
import lzma
import os
import posixpath
import shutil
import ssl
import stat
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._source import urls

DAMAGED = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, NotImplementedError)
SILENCE_SECONDS = 60
"""How long a server may send nothing before a download is given up."""

POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How every pointer file of Git LFS begins (git-lfs/docs/spec.md), which is shorter than 1024 bytes."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive. KIND is "file", "folder", "link" or "" for anything else; TARGET is a link's."""

    name: str
    kind: str
    size: int
    executable: bool
    target: str
    open: Callable[[], IO[bytes]]


def download(url: str, checksum: str, target: Path, ca_bundle: str) -> None:
    """Fetch URL, which may hold credentials, to TARGET. A part of it never has that name.

    Raises ReleaseError when it can't be had or has another SHA-256 than CHECKSUM.
    """
    plain, authorization = urls.split(url)
    told, digest, partial = urls.shown(url), hashlib.sha256(), target.with_name(f".{target.name}.part")
    request = urllib.request.Request(plain, headers={"User-Agent": "slipway"})
    if authorization:
        request.add_unredirected_header("Authorization", authorization)  # never for the server it leads on to
    context = ssl.create_default_context(cafile=ca_bundle if os.path.isfile(ca_bundle) else None)
    # Not ansible's open_url, which would be another 56 KB in what each deploy sends.
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=SILENCE_SECONDS) as answer, partial.open("wb") as file:
            while chunk := answer.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != checksum:
            raise ReleaseError(f"{told} has the SHA-256 {digest.hexdigest()}, not {checksum} as its `sha256` says")
        partial.replace(target)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise ReleaseError(f"{told} can't be fetched: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def unpack(archive: IO[bytes], folder: Path, subfolder: str = "", foreign: bool = False) -> None:
    """Write what ARCHIVE (a tar, compressed or not, or a zip) has below SUBFOLDER into the empty FOLDER.

    One that is FOREIGN, made by somebody else's tools, loses the single folder that it may have at the top, and may hold
    no link that leads out of it. Raises ReleaseError for a damaged archive, for a member that would end up outside of the
    folder, and for what stands in the place of a file only (Git LFS).
    """
    try:
        with _opened(archive) as members:
            found = [member for member in map(_checked, members) if member.name != "."]
            found = _below(_without_top(_without_finder(found)) if foreign else found, subfolder)
            for member in found:
                _write(member, folder)
            for member in found:
                if member.kind == "link":
                    _link(member, folder)
    except DAMAGED as error:
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        what = "is neither a tar nor a zip, or is damaged" if foreign else "is damaged"
        raise ReleaseError(f"the source's archive {what} ({why}); deploy again") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError, ValueError) as error:
        raise ReleaseError(f"the source contains an invalid file name, or one twice: {error}") from error
    if foreign:
        root = os.path.realpath(folder)
        for member in found:
            led = os.path.realpath(folder / member.name)
            if member.kind == "link" and led != root and not led.startswith(f"{root}/"):
                raise ReleaseError(f"the source's link '{member.name}' leads out of it, to {member.target}")


@contextmanager
def _opened(archive: IO[bytes]) -> Iterator[list[Member]]:
    if archive.read(2) == b"PK":
        with zipfile.ZipFile(archive) as file:
            yield [_of_zip(file, info) for info in file.infolist()]
        return
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        yield [_of_tar(tar, info) for info in tar.getmembers()]


def _of_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kinds = {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link"}
    # A hard link is another name of a file in the archive; its content is taken from there.
    kind = "file" if info.isreg() or info.islnk() else kinds.get(info.type, "")

    def content() -> IO[bytes]:
        try:
            file = tar.extractfile(info)
        except KeyError:
            file = None
        if file is None:
            raise tarfile.ReadError(f"'{info.name}' is another name of '{info.linkname}', which is not in it")
        return file

    return Member(info.name, kind, info.size, bool(info.mode & 0o100), info.linkname, content)


def _of_zip(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.flag_bits & 1:
        raise ReleaseError(f"the source's archive is encrypted ('{info.filename}'); deploy one that is not")
    mode = info.external_attr >> 16  # Unix's, where the archive was made on one
    link = stat.S_ISLNK(mode)
    kind = "folder" if info.is_dir() else "link" if link else "file"
    target = file.read(info).decode("utf-8", "surrogateescape") if link else ""
    return Member(info.filename, kind, info.file_size, bool(mode & 0o100), target, lambda: file.open(info))


def _checked(member: Member) -> Member:
    """Return MEMBER with a plain name. Raises ReleaseError for one that can't be part of a release."""
    if member.name.startswith("/") or ".." in member.name.split("/"):
        raise ReleaseError(f"the source contains '{member.name}', which would end up outside of the release")
    if not member.kind:
        raise ReleaseError(f"the source contains '{member.name}', which is neither a file nor a folder nor a link")
    return replace(member, name=posixpath.normpath(member.name))


def _without_finder(members: list[Member]) -> list[Member]:
    """Return MEMBERS without what macOS puts beside the files themselves: a second folder at the top, attributes, views."""
    names = {member.name for member in members}

    def added(name: str) -> bool:
        folder, _, last = name.rpartition("/")
        beside = posixpath.join(folder, last[2:]) in names  # AppleDouble: `._x` has the attributes of `x`
        return name.split("/")[0] == "__MACOSX" or last == ".DS_Store" or (last.startswith("._") and beside)

    return [member for member in members if not added(member.name)]


def _without_top(members: list[Member]) -> list[Member]:
    """Return MEMBERS without the one folder that all of them are in, if they are."""
    tops = {member.name.split("/")[0] for member in members}
    if len(tops) != 1 or any(member.kind != "folder" and "/" not in member.name for member in members):
        return members
    return _below(members, tops.pop())


def _below(members: list[Member], folder: str) -> list[Member]:
    """Return the MEMBERS in FOLDER with their names as seen from there. Raises ReleaseError if there is none."""
    if not folder.strip("/."):
        return members
    start = posixpath.normpath(folder) + "/"
    found = [
        replace(member, name=member.name.removeprefix(start)) for member in members if member.name.startswith(start)
    ]
    if not found:
        raise ReleaseError(f"'subfolder' is '{folder}', but the source has no such folder")
    return found


def _write(member: Member, root: Path) -> None:
    """Write a file or folder. No link exists yet, so nothing can be led elsewhere."""
    path = root / member.name
    if member.kind == "folder":
        path.mkdir(parents=True, exist_ok=True)
    if member.kind != "file":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The time is now: nginx makes ETags of time and size, so an old time would hide a change.
    with member.open() as content, path.open("wb") as file:
        if member.size < 1024:
            text = content.read()
            if text.startswith(POINTER):
                raise ReleaseError(
                    f"'{member.name}' is a pointer of Git LFS instead of the file; run `git lfs pull` in a checkout "
                    "and deploy that folder (`source: {path: …}`)"
                )
            file.write(text)
        else:
            shutil.copyfileobj(content, file, 1 << 20)
        os.fchmod(file.fileno(), 0o750 if member.executable else 0o640)


def _link(member: Member, root: Path) -> None:
    path = root / member.name
    if path.parent.resolve() != root.resolve() / posixpath.dirname(member.name):
        raise ReleaseError(f"the source contains '{member.name}', which is below a link")
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        raise ReleaseError(f"the source contains '{member.name}' twice, once as a link")
    path.symlink_to(member.target)
