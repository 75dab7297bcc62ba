# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folder that an image is built from: a Containerfile, the release's code, its lock, and our commands.

It needs nothing of ours to be built, and holds nothing secret.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import squawk
from ansible_collections.slipway.flask.plugins.module_utils._image import places
from ansible_collections.slipway.flask.plugins.module_utils._python import locked
from ansible_collections.slipway.flask.plugins.plugin_utils._image import (
    bill,
    code,
    containerfile,
    described,
    server,
    settings,
)

CONTAINERFILE = "Containerfile"
MARK = "Written by Slipway"
"""What is in the first line of a Containerfile of ours: only a folder with one is ever written anew."""
NO_TIME = 315532800
"""What stands for the time of a commit where there is none, as on the host (module_utils/_image/release.py)."""


TOPS = (("src",), ("packages",))
"""What a host's tar has at its top (module_utils/_image/pack.py)."""


class ContextError(ValueError):
    """The folder can't be written; the message is for the user."""


@dataclass(frozen=True)
class Release:
    """A release as its host has handed it over (module_utils/_image/release.py); COMMITTED is seconds since 1970."""

    revision: str
    source: str
    lock: str
    python: str
    committed: int
    sbom: str

    @property
    def id(self) -> str:
        """What the image calls its release: the same wherever it was built."""
        return settings.tag_of(self.revision)

    @property
    def timestamp(self) -> int:
        """The time of all files of the image."""
        return self.committed or NO_TIME

    @property
    def created(self) -> str:
        """The same as OCI's annotations have it (RFC 3339), "" for none."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.committed)) if self.committed else ""


def problems(release: Release) -> list[str]:
    """Return what keeps an image from being made of a RELEASE, one sentence each."""
    found = []
    if tuple(map(int, release.python.split(".")[:2])) < places.LOWEST_PYTHON:
        lowest = ".".join(map(str, places.LOWEST_PYTHON))
        found.append(
            f"the release runs with Python {release.python}; the commands of an image need {lowest}: set `python`"
        )
    return found


def minor(version: str) -> str:
    """Return the part of a Python's VERSION that decides which packages fit."""
    return ".".join(version.split(".")[:2])


def image_of(
    app: Mapping[str, Any], asked: Mapping[str, Any], release: Release, files: list[str]
) -> containerfile.Image:
    """Return what the image of APP's RELEASE is made of; ASKED is `slipway_image` with all its keys."""
    version = minor(release.python)
    return containerfile.Image(
        app=app["name"],
        name=f"{settings.image_name(asked, app['name'])}:{release.id}",
        revision=release.revision,
        release=release.id,
        source=release.source if "/" in release.source else "",
        created=release.created,
        timestamp=release.timestamp,
        python=release.python,
        base=settings.based(asked["base"], version),
        build_base=settings.based(asked["build_base"], version),
        packages=list(app["system_packages"]),
        files=files,
        shared=list(app["shared_folders"]),
        writable=list(app["writable_paths"]),
    )


def write(
    folder: Path,
    app: Mapping[str, Any],
    asked: Mapping[str, Any],
    release: Release,
    tar: Path,
    gunicorn: Mapping[str, Any],
) -> containerfile.Image:
    """Write the context of APP's RELEASE, whose code is in TAR, into FOLDER, in the place of one that is there.

    GUNICORN are the variables of the role gunicorn_systemd that are set. Raises ContextError.
    """
    _clear(folder)
    texts = locks(release.lock)
    if described.is_judged(app):
        texts[containerfile.SQUAWK] = "".join(
            [f"squawk-cli=={squawk.VERSION}", *(f" --hash={one}" for one in squawk.HASHES), "\n"]
        )
    packages = {name: pin.version for name, pin in locked.pins_of(release.lock).items()}
    about = described.document(app, release.id, release.revision, packages)
    tools = {
        **code.files(),
        "app.json": about.encode(),
        "gunicorn.conf.py": server.gunicorn(app, gunicorn).encode(),
    }
    contents = {name: text.encode() for name, text in texts.items()} | {
        f"slipway/{name}": it for name, it in tools.items()
    }
    base = settings.based(asked["base"], minor(release.python))
    try:
        contents[places.SBOM.name] = bill.document(release.sbom, release.id, release.created, base).encode()
    except (ValueError, TypeError, AttributeError) as error:
        raise ContextError(f"the bill of materials of the release can't be read: {error}") from None
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name.startswith("slipway/bin/") else 0o644)
    try:
        with tarfile.open(tar) as packed:
            for member in packed:
                _unpack(packed, member, folder)
    except (OSError, tarfile.TarError) as error:
        raise ContextError(f"the code of the release can't be unpacked: {error}") from None
    names = [name for name in (*texts, "packages") if (folder / name).exists()]
    image = image_of(app, asked, release, names)
    (folder / CONTAINERFILE).write_text(containerfile.text(image))
    return image


def _unpack(packed: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a MEMBER below FOLDER: the host that has packed it may be anybody's by now. Raises ContextError, OSError.

    A link may lead anywhere, for in the image it does; nothing is written through one.
    """
    path = PurePosixPath(member.name)
    place = folder / path
    if path.parts[:1] not in TOPS or ".." in path.parts or path.is_absolute() or any(
        parent.is_symlink() for parent in place.parents if parent.is_relative_to(folder)
    ):  # fmt: skip
        raise ContextError(f"the code of the release has a strange name in it: {member.name!r}")
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
    elif member.issym():
        place.symlink_to(member.linkname)
    elif member.isreg() and (content := packed.extractfile(member)):
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
            os.fchmod(handle, 0o755 if member.mode & 0o100 else 0o644)


def locks(text: str) -> dict[str, str]:
    """Return the requirement files for the packages in a lock's TEXT that come from an index, by their names."""
    pins = {name: pin for name, pin in sorted(locked.pins_of(text).items()) if not pin.origin}
    files = {
        containerfile.HASHED: [pin.line(name) for name, pin in pins.items() if pin.hashes],
        containerfile.UNHASHED: [pin.line(name) for name, pin in pins.items() if not pin.hashes],
    }
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in files.items() if lines}


def _clear(folder: Path) -> None:
    """Make FOLDER, empty; one with anything else than a context of ours is refused."""
    if folder.is_dir() and any(folder.iterdir()):
        try:
            with (folder / CONTAINERFILE).open() as file:
                is_ours = MARK in file.readline()
        except OSError:
            is_ours = False
        if not is_ours:
            raise ContextError(f"{folder} has other files in it: choose a folder that is empty or does not exist")
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    folder.mkdir(parents=True, exist_ok=True)
