# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A folder on the controller: which of its files are the app, which revision it is, and all of them as one archive.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._source import git as source_git
from ansible_collections.slipway.flask.plugins.plugin_utils._source.description import IGNORE, SourceError

# Never part of an app, unless somebody committed it.
LEFT_OUT = {
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    ".tox",
    ".pytest_cache",
    ".mypy_cache",
}


@dataclass(frozen=True)
class Packed:
    """What a packed folder is. KEY names its contents; REVISION is git's commit, or KEY without git.

    DIRTY: something in it is not as that commit has it.
    """

    key: str
    revision: str
    dirty: bool


def git(folder: Path, *arguments: str, given: str | None = None) -> str | None:
    """Return what `git ARGUMENTS` prints in FOLDER, or None where git or the repository is missing."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, check=False, env=source_git.environment(),
            input=None if given is None else os.fsencode(given),
        )  # fmt: skip
    except OSError:
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None


def listed(text: str | None) -> set[str]:
    """Return the names in what git prints with -z."""
    return {name for name in (text or "").split("\0") if name}


def is_left_out(name: str) -> bool:
    """Tell whether a file that nobody committed is never part of an app."""
    return name.endswith(".pyc") or not LEFT_OUT.isdisjoint(name.split("/"))


def ignored(folder: Path, names: Iterable[str]) -> set[str]:
    """Return those of NAMES that FOLDER's .slipwayignore, which is written as .gitignore is, leaves out.

    git decides, in an empty repository: nothing else that git ignores in FOLDER is in its way there.
    """
    if not (folder / IGNORE).is_file():
        return set()
    with tempfile.TemporaryDirectory() as empty:
        place = Path(empty)
        asked = "".join(f"{name}\0" for name in names)
        rules = f"core.excludesFile={(folder / IGNORE).resolve()}"
        if git(place, "init", "--quiet", "--template=") is None:
            raise SourceError(f"{folder / IGNORE} is read by git, which is not installed here; install git")
        # It ends with 1 when nothing is ignored (git-check-ignore(1)), so None is an empty answer here.
        return listed(git(place, "-c", rules, "check-ignore", "--no-index", "--stdin", "-z", given=asked))


def every_file(folder: Path) -> set[str]:
    """Return all files and links below FOLDER but those that are never part of an app."""
    found = set()
    for place, folders, files in os.walk(folder):
        links = {name for name in folders if (Path(place) / name).is_symlink()}
        folders[:] = [name for name in folders if name not in LEFT_OUT and name not in links]
        found |= {os.path.relpath(os.path.join(place, name), folder) for name in {*files, *links}}
    return {name for name in found if not is_left_out(name)}


def files_of(folder: Path, everything: bool = False) -> tuple[list[str], bool]:
    """Return the app's files in FOLDER, sorted, and whether some are not as git's last commit has them.

    They are what git tracks and what it neither tracks nor ignores; all with EVERYTHING, and without git.
    """
    answer = git(folder, "ls-files", "--cached", "--recurse-submodules", "-z")
    if answer is None and shutil.which("git") and any((place / ".git").exists() for place in (folder, *folder.parents)):
        # Going on as if there were no git would send what git ignores, and that may be secret.
        raise SourceError(f"git can't read the repository of {folder}; see what `git -C {folder} status` says")
    tracked = listed(answer)
    others = {
        name
        for name in listed(git(folder, "ls-files", "--others", "--exclude-standard", "-z"))
        if not is_left_out(name)
    }
    new = every_file(folder) - tracked if everything or not (tracked or others) else others
    changed = listed(git(folder, "diff", "--name-only", "--no-renames", "--relative", "-z", "HEAD", "--", "."))
    out = ignored(folder, tracked | new | changed)
    names = sorted(name for name in (tracked | new) - out if os.path.lexists(folder / name))
    return names, bool((new | changed) - out)


def pack(folder: Path, archive: Path, everything: bool = False) -> Packed:
    """Write FOLDER's files to ARCHIVE, a plain tar that is the same to the byte whenever the files are the same.

    Owners and times are left out of it. Raises SourceError for a folder without files.
    """
    names, dirty = files_of(folder, everything)
    with tarfile.open(archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in names:
            path = folder / name
            info = tarfile.TarInfo(name)
            if path.is_symlink():
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
                tar.addfile(info)
            elif path.is_file():
                info.size = path.stat().st_size
                info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                with path.open("rb") as content:
                    tar.addfile(info, content)
        if not tar.getmembers():
            raise SourceError(f"the source folder {folder} holds no files")
    key = checksum(archive)
    commit = (git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
    return Packed(key, commit or key, bool(commit) and dirty)


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file's contents."""
    with file.open("rb") as content:
        return checksum_of(content)


def checksum_of(content: BufferedIOBase) -> str:
    """Return the SHA-256 of what is left of CONTENT, which is read in pieces."""
    digest = hashlib.sha256()
    while chunk := content.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
