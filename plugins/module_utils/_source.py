# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's source on the controller: is it there, which revision is it, and its files as one archive.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
GIT_SECONDS = 20


class SourceError(RuntimeError):
    """The source can't be had; the message is for the user."""


@dataclass(frozen=True)
class Archive:
    """A folder's files as a PLAIN tar. KEY names its contents; REVISION is git's commit, or KEY without git."""

    plain: bytes
    key: str
    revision: str
    dirty: bool

    @property
    def content(self) -> bytes:
        """The archive as it is sent. A host that has it already needs none, so it is compressed only when asked for."""
        return gzip.compress(self.plain, compresslevel=6, mtime=0)


def base_of(task_vars: Mapping[str, Any]) -> Path:
    """Return the folder that relative paths of a description count from: the inventory's."""
    return Path(str(task_vars.get("inventory_dir") or Path.cwd()))


def folder_of(app: Mapping[str, Any], base: Path) -> Path:
    """Return the local folder of an app's source; a relative path counts from BASE, the inventory's folder."""
    return (base / Path(app["source"]["path"]).expanduser()).resolve()


def problems(app: Mapping[str, Any], base: Path) -> list[str]:
    """Return what is wrong with a normalised app's source, as far as the controller can tell."""
    found = git_problems(app["source"]) if app["source"]["git"] else folder_problems(app, base)
    for name in ("certificate_file", "certificate_key_file"):
        place = base / Path(app[name]).expanduser()
        if app[name] and not place.is_file():
            found.append(f"'{name}' is '{app[name]}', but there is no such file (looked at {place})")
    return found


def folder_problems(app: Mapping[str, Any], base: Path) -> list[str]:
    """Return what is wrong with the local folder of an app's source."""
    source, folder = app["source"], folder_of(app, base)
    if not folder.is_dir():
        return [f"the source folder '{source['path']}' does not exist (looked at {folder})"]
    root = folder / app["subfolder"]
    if not root.is_dir():
        return [f"'subfolder' is '{app['subfolder']}', but the source has no such folder (looked at {root})"]
    found = [f"'{name}' in 'requirements' does not exist in the source (looked at {root / name})"
             for name in app["requirements"] if not (root / name).is_file()]  # fmt: skip
    known = ("requirements.txt", "pyproject.toml", "setup.py")
    if not app["requirements"] and not any((root / name).is_file() for name in known):
        found.append(f"the source has none of {', '.join(known)} (looked in {root}); name its list in 'requirements'")
    return found


def without_credentials(text: str) -> str:
    """Return TEXT with the user and password of the HTTP URLs in it hidden: a token may stand for either."""
    return re.sub(r"(https?://)[^/@\s]+@", r"\1********@", text)


def git_problems(source: Mapping[str, Any]) -> list[str]:
    """Ask the repository for the wanted version, if this machine may: a host with a deploy key may see more."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        command = ["git", "ls-remote", "--", source["git"]]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    version = source["version"]
    if done.returncode or (len(version) >= 7 and all(letter in "0123456789abcdef" for letter in version)):
        return []
    whole = {row.split("\t")[1].removesuffix("^{}") for row in done.stdout.splitlines()}
    if version in whole | {name.split("/", 2)[-1] for name in whole}:
        return []
    return [f"the repository {without_credentials(source['git'])} has no branch or tag '{version}'"]


def git(folder: Path, *arguments: str) -> str | None:
    """Return what `git ARGUMENTS` prints in FOLDER, or None where git or the repository is missing."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


def names(folder: Path) -> Iterator[str]:
    """Yield the files of FOLDER, sorted: what git tracks and what it does not ignore, or all without git."""
    tracked = git(folder, "ls-files", "--cached", "--recurse-submodules", "-z")
    others = git(folder, "ls-files", "--others", "--exclude-standard", "-z")
    if tracked or others:
        new = {
            name for name in (others or "").split("\0") if not LEFT_OUT & set(name.split("/")) and name[-4:] != ".pyc"
        }
        every = {*(tracked or "").split("\0"), *new}
        yield from sorted(name for name in every if name and os.path.lexists(folder / name))
        return
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT and not (Path(place) / name).is_symlink()]
        links = [name for name in os.listdir(place) if (Path(place) / name).is_symlink()]
        found += [
            os.path.relpath(os.path.join(place, name), folder) for name in {*files, *links} if not name.endswith(".pyc")
        ]
    yield from sorted(found)


def pack(folder: Path) -> Archive:
    """Return FOLDER as a gzipped tar that is the same to the byte whenever the files are the same.

    Owners and times are left out of it. Raises SourceError for a folder without files.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in names(folder):
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
        if not tar.getnames():
            raise SourceError(f"the source folder {folder} holds no files")
    plain = buffer.getvalue()
    key = hashlib.sha256(plain).hexdigest()
    commit = (git(folder, "rev-parse", "HEAD") or "").strip()
    dirty = bool(commit and git(folder, "status", "--porcelain", "--", ".", ":(exclude).slipway"))
    return Archive(plain, key, commit or key, dirty)
