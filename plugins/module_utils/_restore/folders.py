# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's folders out of a restore point, made ready beside those that are there.

What is restored lies in a folder that only root can enter until it takes its place: the app, which runs meanwhile, could
lay links for root to follow.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import points, sqlite
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Folder
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._host import tree


@dataclass(frozen=True)
class Newer:
    """Files that are newer than a moment."""

    files: int = 0
    size: int = 0


def outermost(folders: Iterable[str]) -> list[Path]:
    """Return FOLDERS without those that are in another one of them."""
    every = sorted({Path(os.path.normpath(folder)) for folder in folders})
    return [one for one in every if not any(other in one.parents for other in every)]


def planned(app: str, id: str, folders: Iterable[str]) -> tuple[list[Folder], list[str]]:
    """Return where each of an APP's FOLDERS is, will be made and will be kept by the restore ID; and the folders to be made.

    Raises BackupError for one that can't be renamed.
    """
    found, made = [], dict[str, None]()
    for folder in outermost(folders):
        live = _real(folder)
        beside = _beside(live)
        new, kept = beside / f".{app}_restored_{id.lower()}", beside / f"{app}_before_{id.lower()}"
        made[str(new)] = None
        place = live.relative_to(beside)
        found.append(Folder(str(live), f"{new}{folder}", str(kept / place), live.exists()))
    return found, list(made)


def _real(folder: Path) -> Path:
    """Return FOLDER without the links on the way to it that root has laid. Raises BackupError for others."""
    real = Path("/")
    for part in folder.parts[1:]:
        place = real / part
        if place.is_symlink():
            if not _ours(real) or place == folder:
                raise BackupError(f"{place} is a link, so {folder} can't be restored: put the folder itself there")
            place = Path(os.path.realpath(place))
        real = place
    if real.is_mount():
        raise BackupError(f"{real} is a mount point, so it can't be renamed: keep the app's data in a folder below it")
    return real


def _ours(folder: Path) -> bool:
    """Tell whether nobody but root can change what is in FOLDER."""
    about = folder.stat()
    return about.st_uid in (0, os.geteuid()) and not stat.S_IMODE(about.st_mode) & 0o022


def _beside(folder: Path) -> Path:
    """Return the nearest folder around FOLDER, on its file system, that only root can change. Raises BackupError."""
    around = [parent for parent in folder.parents if parent.exists()]
    device = around[0].stat().st_dev
    for parent in around:
        if parent.stat().st_dev == device and all(map(_ours, (parent, *parent.parents))):
            return parent
    raise BackupError(
        f"no folder around {folder}, on its file system, is writable by root alone, so the restored data can't be prepared there"
    )


def fetch(restic: Restic, snapshot: str, app: str, folders: Iterable[Folder], made: Iterable[str]) -> list[Folder]:
    """Write what a SNAPSHOT has of FOLDERS into the folders to be MADE; return those of them that it has. Raises BackupError."""
    wanted = list(folders)
    staged = points.staged(app) / "sqlite"
    for place in map(Path, made):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        mine = [original(folder, place) for folder in wanted if Path(folder.new).is_relative_to(place)]
        restic.restore(snapshot, place, [*mine, staged])
        place_copies(place, Path(f"{place}{staged}"), mine)
    return [folder for folder in wanted if os.path.lexists(folder.new)]


def original(folder: Folder, place: Path) -> Path:
    """Return what a FOLDER restored below PLACE is called in the snapshot."""
    return Path("/") / Path(folder.new).relative_to(place)


def place_copies(place: Path, copies: Path, folders: list[Path]) -> None:
    """Move whole copies of SQLite's databases to where the databases were. Raises BackupError."""
    for copy in sorted(path for path in copies.rglob("*") if path.is_file() and not path.is_symlink()):
        database = Path("/") / copy.relative_to(copies)
        if not any(folder in database.parents for folder in folders):
            continue
        target = Path(f"{place}{database}")
        if not target.parent.is_dir() or Path(os.path.realpath(target.parent)) != target.parent:
            raise BackupError(f"the folder of {database} is not in the backup, or a link")
        for old in sqlite.beside(target):
            old.unlink(missing_ok=True)
        copy.rename(target)


# ---- what came since the restore point ---------------------------------------------------------------------------


def _files(top: Path, since: float, until: float) -> Iterator[tuple[int, str, Path, os.stat_result]]:
    """Yield files below TOP that were last written after SINCE, at UNTIL at the latest; no link is followed.

    They are told by an open folder, their name in it, and the way from TOP.
    """
    for folder, _, names, handle in os.fwalk(top, follow_symlinks=False):
        for name in names:
            with suppress(OSError):
                about = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if stat.S_ISREG(about.st_mode) and since < about.st_mtime <= until:
                    yield handle, name, Path(os.path.relpath(os.path.join(folder, name), top)), about


def newer(folders: Iterable[Folder], since: datetime) -> Newer:
    """Return how many files in FOLDERS were written after SINCE."""
    files = size = 0
    for folder in folders:
        for _, _, _, about in _files(Path(folder.live), since.timestamp(), float("inf")):
            files, size = files + 1, size + about.st_size
    return Newer(files, size)


def carry(folder: Folder, until: datetime, user: str) -> int:
    """Copy into the restored FOLDER what has come since its restore point, up to UNTIL; return how many files.

    A file of the live folder is copied if the restored one lacks it or has an older one. SQLite's are not: a raw copy of
    one is torn, and the restore point has a whole one; nor are hollow files, which no backup has. They are looked for with the
    rights of USER, whose they are.
    """
    live, new, copied = Path(folder.live), Path(folder.new), 0
    if not live.is_dir():
        return 0
    looked = sqlite.look([live], user)
    left = {*(path for found in looked.databases for path in sqlite.beside(found)), *looked.hollow}
    for handle, name, way, about in _files(live, 0.0, until.timestamp()):
        target = new / way
        if live / way in left or not _may_take(target, new, about):
            continue
        _make_parents(live, new, way)
        with suppress(FileNotFoundError):
            _copy(handle, name, target)
            copied += 1
    return copied


def _may_take(target: Path, new: Path, about: os.stat_result) -> bool:
    """Tell whether TARGET, below NEW, lacks a file that is like ABOUT, and has no link on the way."""
    for parent in target.parents:
        if parent == new:
            break
        if os.path.lexists(parent) and (parent.is_symlink() or not parent.is_dir()):
            return False
    try:
        there = target.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISREG(there.st_mode) and there.st_mtime < about.st_mtime


def _make_parents(live: Path, new: Path, way: Path) -> None:
    """Make the folders on the WAY that NEW lacks, as LIVE has them."""
    for parent in reversed(way.parents[:-1]):
        if not (new / parent).exists():
            about = (live / parent).lstat()
            (new / parent).mkdir()
            os.chown(new / parent, about.st_uid, about.st_gid)
            (new / parent).chmod(stat.S_IMODE(about.st_mode))


def _copy(folder: int, name: str, target: Path) -> None:
    """Copy one file of an open FOLDER to TARGET, in one step, with owner, mode, access list and times."""
    handle = os.open(name, tree.READ, dir_fd=folder)
    temporary = target.with_name(f".{target.name[:200]}.carried")
    with os.fdopen(handle, "rb") as source:
        about = os.fstat(source.fileno())
        with open(temporary, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()  # what is written later would have another time
            os.fchown(copy.fileno(), about.st_uid, about.st_gid)
            os.fchmod(copy.fileno(), stat.S_IMODE(about.st_mode))
            for attribute in os.listxattr(source.fileno()):
                with suppress(OSError):
                    os.setxattr(copy.fileno(), attribute, os.getxattr(source.fileno(), attribute))
            os.utime(copy.fileno(), ns=(about.st_atime_ns, about.st_mtime_ns))
        temporary.replace(target)
