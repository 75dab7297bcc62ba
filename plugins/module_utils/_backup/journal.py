# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a restore of one app is at, and what it put aside: written before each step, so that a kill leaves a state that is known.

A file for each restore, which stays for as long as what was there before is kept (kept.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

FOLDER = Path("/var/lib/slipway/restores")
"""For root alone: `<app>/<id>.json`."""
ID = re.compile(r"\d{8}T\d{6}Z")
"""When the restore began, in UTC."""
LONGEST = 63
"""Octets of a name in PostgreSQL (manual 4.1.1)."""

Step = Literal["prepare", "close", "swap", "start", "done", "kept"]
"""`prepare`: data is made ready beside what serves. `close`: the site closes and the app ends. `swap`: data changes places.
`start`: the app starts on it. `done`: it stays, the site has yet to open. `kept`: over.

A restore that is killed up to `start` is undone, one that is killed at `done` is finished.
"""


@dataclass(frozen=True)
class Folder:
    """One of the app's folders: where it is, where the restored one waits, and where the one that was there goes."""

    live: str
    new: str
    kept: str
    had: bool = True
    """Whether there was one."""


@dataclass
class Journal:
    """One restore of one app."""

    app: str
    id: str
    step: Step = "prepare"
    what: Literal["restore", "import"] = "restore"
    to: str = ""
    """The moment, for people; of an import, what was imported."""
    by: str = ""
    cluster: str = ""
    """Such as `17/main`; "" when no database is restored."""
    database: str = ""
    mariadb: str = ""
    """The same in the host's MariaDB; an app has one of the two."""
    user: str = ""
    """The app's system user and account, who makes what can't be moved between two databases of MariaDB."""
    new: str = ""
    kept: str = ""
    had: bool = True
    """Whether there was a database."""
    limit: int = -1
    """How many connections the database allowed, -1 for any number."""
    folders: list[Folder] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    """Folders that were made for it, beside the app's."""
    notes: list[str] = field(default_factory=list)
    """What could not be brought along, a sentence each."""
    serving: str = ""
    """The release that served."""
    release: str = ""
    """The one that serves the restored data."""
    was_closed: bool = False
    """Whether somebody had closed the site before."""

    @property
    def name(self) -> str:
        """What it is called in a sentence, behind an article: `restore to latest`, `import of old.dump`."""
        return f"{self.what} {'to' if self.what == 'restore' else 'of'} {self.to}"

    @property
    def said(self) -> str:
        """The same with its article."""
        return f"{'a' if self.what == 'restore' else 'an'} {self.name}"

    @property
    def path(self) -> Path:
        return FOLDER / self.app / f"{self.id}.json"

    @property
    def objects(self) -> Path:
        """File with the views, triggers, routines and events of what is restored in MariaDB, as SQL."""
        return self.path.with_suffix(".restored.sql")

    @property
    def objects_before(self) -> Path:
        """The same of what was there."""
        return self.path.with_suffix(".before.sql")

    def at(self, step: Step) -> None:
        """Be at STEP from here on, whatever happens."""
        self.step = step
        self.write()

    def write(self) -> None:
        """Have it on disk, whole or not at all."""
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = self.path.with_name(f".{self.id}.new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        sync(self.path.parent)

    def remove(self) -> None:
        unfinished = self.path.parent.glob(f".{self.id}*")
        for path in (*unfinished, self.objects, self.objects_before, self.path):
            path.unlink(missing_ok=True)
        sync(self.path.parent)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Journal:
        known = {one.name for one in fields(cls)}
        told = {name: value for name, value in found.items() if name in known}
        return cls(**{**told, "folders": [Folder(**one) for one in found.get("folders", [])]})


def names(database: str, id: str) -> tuple[str, str]:
    """Return what the restored DATABASE and the one that was there are called: within PostgreSQL's limit, in small letters."""
    end = id.lower()
    return tuple(f"{database[: LONGEST - len(word) - len(end)]}{word}{end}" for word in ("_restored_", "_before_"))  # type: ignore[return-value]


def id_of(moment: datetime, app: str) -> str:
    """Return the id of a restore of APP that begins at MOMENT: no other one has it."""
    stamp, second = moment.strftime("%Y%m%dT%H%M"), moment.second
    while (FOLDER / app / f"{stamp}{second:02d}Z.json").exists():
        second += 1
    return f"{stamp}{second:02d}Z"


def all_of(app: str) -> list[Journal]:
    """Return the restores of APP, oldest first."""
    found = []
    for path in sorted((FOLDER / app).glob("*.json")):
        try:
            found.append(Journal.of(json.loads(path.read_text())))
        except (OSError, ValueError, TypeError):
            continue
    return found


def unfinished(app: str) -> list[Journal]:
    """Return the restores of APP that were killed."""
    return [one for one in all_of(app) if one.step != "kept"]


def sync(folder: Path) -> None:
    """Have on disk what a FOLDER has by which name."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
