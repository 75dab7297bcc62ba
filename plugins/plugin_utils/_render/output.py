# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The files that a target is written down in, and the folder that gets them.

What is in the folder and was not written by an earlier run is left alone, but for a file that is in the way: that is refused.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = ".slipway.json"
"""What an earlier run has written, so that this one can remove what is no longer meant."""
PRIVATE, PRIVATE_FILE = 0o700, 0o444
"""Secrets are in a folder that only its owner can enter. The files themselves can be read: engines mount them one by one
into containers, whose users are other ones."""
SECRETS = "secrets"


class OutputError(Exception):
    """Nothing can be written; the message is for the user."""


@dataclass(frozen=True)
class File:
    """A file below the folder. A secret one is in a folder that only its owner enters, and no diff shows it."""

    path: str
    text: str
    mode: int = 0o644

    @property
    def is_secret(self) -> bool:
        return self.path.startswith(f"{SECRETS}/")


@dataclass
class Kept:
    """Secrets of the folder's own, such as the database's password: made once, and read again by later runs."""

    folder: Path
    made: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return the secret called NAME, a new one if the folder has none."""
        if name not in self.made:
            file = self.folder / SECRETS / name
            self.made[name] = (file.read_text().strip() if file.is_file() else "") or secrets.token_urlsafe(24)
        return self.made[name]

    def text(self, name: str, otherwise: str) -> str:
        """Return the contents of the file called NAME, which a person may have replaced, or OTHERWISE."""
        file = self.folder / SECRETS / name
        return file.read_text() if file.is_file() else otherwise


def write(folder: Path, about: str, files: Iterable[File], check: bool = False) -> list[str]:
    """Write FILES into FOLDER and return the paths of those that were other ones before; with CHECK, only return them.

    ABOUT says what is written, such as `harbour for compose`: a folder has one of them. Raises OutputError.
    """
    wanted = {one.path: one for one in files}
    former = _former(folder, about)
    if foreign := [path for path in wanted if path not in former and os.path.lexists(folder / path)]:
        raise OutputError(
            f"{folder / foreign[0]} is there, and was not written by this playbook: remove it, or name another folder with -e to=…"
        )
    gone = [path for path in former if path not in wanted and (folder / path).is_file()]
    changed = [path for path, one in wanted.items() if _differs(folder / path, one)]
    if check or not (changed or gone):
        return sorted(changed + gone)
    for path in changed:
        _write(folder, wanted[path])
    for path in gone:
        (folder / path).unlink()
    manifest = json.dumps({"about": about, "files": sorted(wanted)}, indent=1) + "\n"
    (folder / MANIFEST).write_text(manifest)
    return sorted(changed + gone)


def _former(folder: Path, about: str) -> list[str]:
    try:
        told = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder / MANIFEST} can't be read: {error}") from None
    if told["about"] != about:
        raise OutputError(f"{folder} has {told['about']}, not {about}: name another folder with -e to=…")
    return [str(path) for path in told["files"]]


def _differs(file: Path, wanted: File) -> bool:
    try:
        return file.read_text() != wanted.text or (file.stat().st_mode & 0o777) != _mode(wanted)
    except (FileNotFoundError, UnicodeDecodeError):
        return True


def _mode(file: File) -> int:
    return PRIVATE_FILE if file.is_secret else file.mode


def _write(folder: Path, file: File) -> None:
    place = folder / file.path
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.is_secret:
        (folder / SECRETS).chmod(PRIVATE)
    draft = place.with_name(f".{place.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
        target.write(file.text)
    draft.chmod(_mode(file))
    draft.replace(place)
