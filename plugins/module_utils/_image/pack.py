# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The code of a release on a host, and those of its packages that come from no index, as a tar for the image's build.

The tar has what serves on the host, what the build commands have made with it, but nothing secret: the app's `files` become
links to where they are mounted. Names, modes and times depend on the contents alone.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import csv
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._host import seal, tree
from ansible_collections.slipway.flask.plugins.module_utils._image import places
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised

CODE, PACKAGES = "src", "packages"
COMPILED = "__pycache__"
OF_THE_HOST = ("direct_url.json", "uv_cache.json")
"""Files beside a package's metadata that say where on the host it was built."""


@dataclass(frozen=True)
class Release:
    """A release at HERE, of an app at ROOT. WRITTEN are the paths of the app's `files`, LEFT_OUT those that nobody wants."""

    here: Path
    root: Path
    written: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()


def write(release: Release, foreign: Iterable[str], time: int, to: IO[bytes]) -> None:
    """Write the tar of RELEASE with its FOREIGN packages (normalised names); TIME is that of all files. Raises ReleaseError."""
    with tarfile.open(fileobj=to, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, path, target in _entries(release, foreign):
            entry = tarfile.TarInfo(name)
            entry.mtime, about = time, path.lstat()
            if target or stat.S_ISLNK(about.st_mode):
                entry.type, entry.linkname = tarfile.SYMTYPE, target or os.readlink(path)
                tar.addfile(entry)
            elif stat.S_ISDIR(about.st_mode):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            elif stat.S_ISREG(about.st_mode):
                entry.mode, entry.size = 0o755 if about.st_mode & 0o100 else 0o644, about.st_size
                with path.open("rb") as file:
                    tar.addfile(entry, file)


def _entries(release: Release, foreign: Iterable[str]) -> Iterator[tuple[str, Path, str]]:
    """Yield name, place and the target of a link that is put there instead, by name."""
    code = release.here / "src"
    yield CODE, code, ""
    for path, about in sorted(seal.walk(code)):
        parts = Path(path).parts
        if COMPILED in parts or path.endswith(".pyc") or any(_is_in(path, one) for one in release.left_out):
            continue
        if path in release.written:
            yield f"{CODE}/{path}", code / path, str(places.FILES / path)
        elif stat.S_ISLNK(about.st_mode):
            yield f"{CODE}/{path}", code / path, moved(os.readlink(code / path), release)
        else:
            yield f"{CODE}/{path}", code / path, ""
    environment = (release.here / "venv").resolve()
    listed = sorted({path for name in foreign for path in installed(environment, name)})
    for folder in sorted({str(parent) for path in listed for parent in Path(path).parents if str(parent) != "."}):
        yield f"{PACKAGES}/{folder}", environment / folder, ""
    for path in listed:
        yield f"{PACKAGES}/{path}", environment / path, ""


def _is_in(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder.strip('/')}/")


def moved(target: str, release: Release) -> str:
    """Return the TARGET of a link as the image has it: the release and the shared folders are elsewhere there."""
    for old, new in ((release.here, places.ROOT), (release.root / "shared", places.SHARED)):
        if target == str(old) or target.startswith(f"{old}/"):
            return str(new) + target.removeprefix(str(old))
    return target


def installed(environment: Path, name: str) -> list[str]:
    """Return the files of a package, by its normalised NAME, below its ENVIRONMENT. Raises ReleaseError."""
    for record in environment.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        if normalised(record.parent.name.removesuffix(".dist-info").rpartition("-")[0]) != name:
            continue
        base, found = record.parent.parent, []
        for row in csv.reader(tree.read(record).splitlines()):
            path = Path(os.path.normpath(base / row[0]))
            if not path.is_relative_to(environment):
                raise ReleaseError(f"the package {name} has a file outside of its environment: {path}")
            if COMPILED not in path.parts and path.name not in OF_THE_HOST and path.is_file():
                found.append(str(path.relative_to(environment)))
        return found
    raise ReleaseError(f"the files of the package {name} can't be told: it has no RECORD in {environment}")
