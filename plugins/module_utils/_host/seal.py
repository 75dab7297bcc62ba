# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The fingerprint of a folder that nobody is to change once it is made: what is in it, and whether it still is.

A folder's seal has each file's content (SHA-256), each link's target, and of modes what decides who may change or run it. Read
and run by whom is left out: the web server is let in later, by access lists whose mask shows in the group's bits. A file that
isn't root's is its owner's to change, so only its name counts. It is root's alone (0600), in a folder that is root's.

mtree(5) and debsums were weighed: neither is on a host by itself, and the latter knows packages alone.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "seal.json"
INSIDE = "slipway-seal.json"
"""What the seal of an environment is called, which is in it."""
VERSION = 1
BLOCK = 1 << 20
BITS = 0o7722
"""Set-user-ID and its like, all of the owner's, and writing by anybody."""


@dataclass
class Broken:
    """What is not as it was: paths below the folder, each list sorted."""

    changed: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    files: int = 0
    """How many files were looked at."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.modes or self.added or self.removed)

    def said(self, most: int = 5) -> str:
        """Return it as a part of a sentence, with MOST names of each kind."""
        kinds = {
            "changed content": self.changed, "changed owner or mode": self.modes, "added": self.added, "gone": self.removed,
        }  # fmt: skip
        return "; ".join(f"{what}: {_named(paths, most)}" for what, paths in kinds.items() if paths)


def _named(paths: list[str], most: int) -> str:
    shown = ", ".join(ascii(path)[1:-1] for path in paths[:most])
    return shown + (f" and {len(paths) - most} more" if len(paths) > most else "")


def take(folder: Path, skip: Collection[str] = ()) -> str:
    """Return the seal of FOLDER as the text of a file, without the paths below it that SKIP names. Raises OSError."""
    entries = {
        path: _entry(os.path.join(folder, path), about, fresh=False) for path, about in walk(folder) if path not in skip
    }
    return json.dumps({"version": VERSION, "skip": sorted(skip), "entries": entries}, sort_keys=True) + "\n"


def write(file: Path, text: str) -> None:
    """Write a seal, whole or not at all, for root alone."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as stream:
        stream.write(text)
    temporary.replace(file)


def check(folder: Path, file: Path) -> Broken | None:
    """Return what of FOLDER is not as the seal in FILE says, None when there is no seal, or none that can be read."""
    try:
        found: dict[str, Any] = json.loads(file.read_text())
        wanted, skip = dict(found["entries"]), set(found["skip"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    broken = Broken()
    for path, about in walk(folder):
        if path in skip:
            continue
        before = wanted.pop(path, None)
        broken.files += not stat.S_ISDIR(about.st_mode)
        if before is None:
            broken.added.append(path)
            continue
        try:
            now = _entry(os.path.join(folder, path), about, fresh=True)
        except FileNotFoundError:
            wanted[path] = before
            continue
        if now[0] != before[0] or (now[2] != before[2] and now[1][0] == before[1][0]):
            broken.changed.append(path)
        elif now[1] != before[1]:
            broken.modes.append(path)
    broken.removed = list(wanted)
    for paths in (broken.changed, broken.modes, broken.added, broken.removed):
        paths.sort()
    return broken


def walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each path below FOLDER with what it is; no link is followed, and a tree may have any depth that a path can have."""
    todo = [""]
    while todo:
        within = todo.pop()
        try:
            entries = list(os.scandir(os.path.join(folder, within)))
        except FileNotFoundError:
            continue
        for entry in entries:
            path = os.path.join(within, entry.name)
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield path, about
            if stat.S_ISDIR(about.st_mode):
                todo.append(path)


def _entry(path: str, about: os.stat_result, fresh: bool) -> list[Any]:
    """Return kind, mode with the owner, and content of a path; FRESH: a file is read from the disk, not from memory."""
    mode = [about.st_uid, about.st_mode & BITS]
    if stat.S_ISLNK(about.st_mode):
        return [
            "link",
            [0, 0],
            os.readlink(path),
        ]  # whose it is says nothing: the web server wants some to be the app's
    if stat.S_ISDIR(about.st_mode):
        return ["folder", mode, ""]
    if not stat.S_ISREG(about.st_mode):
        return ["other", mode, ""]
    if about.st_uid != os.geteuid():
        return ["file", mode, "its owner's"]
    return ["file", mode, _hash(path, fresh)]


def _hash(path: str, fresh: bool) -> str:
    digest = hashlib.sha256()
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as file:
        if fresh:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
