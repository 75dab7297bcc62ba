# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a restore put aside: what it takes on the disk, and how it goes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb_tables, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal, all_of

DU_SECONDS = 30
EVERY = "all"


@dataclass(frozen=True)
class Kept:
    """What was there before the restore ID of an app: a database ("" for none) and folders, and their bytes (None: unknown)."""

    id: str
    to: str
    name: str
    """What the restore is called, behind an article."""
    database: str
    folders: list[str]
    size: int | None

    @property
    def said(self) -> str:
        """One line for people."""
        what = [f"database {self.database}"] * bool(self.database) + [f"folder {path}" for path in self.folders]
        size = "" if self.size is None else f", {self.size / 1e6:.0f} MB"
        return f"kept from before the {self.name}: {', '.join(what)}{size}; -e forget={self.id} removes it"


def kept(app: str) -> list[Kept]:
    """Return what restores of APP have put aside and is still there, oldest first."""
    return [found for one in all_of(app) if one.step == "kept" and (found := _kept(one))]


def _kept(journal: Journal) -> Kept | None:
    folders = [folder.kept for folder in journal.folders if os.path.lexists(folder.kept)]
    database, size = "", 0
    if journal.database and journal.had:
        try:
            size = swap.size(swap.cluster_of(journal.cluster), journal.kept)
        except BackupError:
            return Kept(journal.id, journal.to, journal.name, journal.kept, folders, None)
        database = journal.kept if size else ""
    if journal.mariadb and journal.had:
        try:
            size = mariadb_tables.size(journal.kept)
        except BackupError:
            return Kept(journal.id, journal.to, journal.name, journal.kept, folders, None)
        database = journal.kept if size else ""
    if not database and not folders:
        return None
    taken = _bytes(folders)
    return Kept(journal.id, journal.to, journal.name, database, folders, None if taken is None else size + taken)


def _bytes(folders: list[str]) -> int | None:
    """Return what FOLDERS take on the disk, None when that is not known."""
    if not folders:
        return 0
    try:
        done = subprocess.run(
            ["du", "-scx", "--block-size=1", "--", *folders],
            capture_output=True, text=True, check=False, timeout=DU_SECONDS,
        )  # fmt: skip
        return int(done.stdout.splitlines()[-1].split()[0])
    except (subprocess.TimeoutExpired, OSError, IndexError, ValueError):
        return None


def under_way(app: str, lock: Path) -> tuple[str, str]:
    """Return what is to be told of a restore of APP that has not ended: a line of one that runs, or what is wrong after a kill.

    :param lock: the file that a run over the app holds.
    """
    for one in all_of(app):
        if one.step != "kept":
            if _held(lock):
                return f"{one.said} is under way, at '{one.step}'", ""
            state = "nothing has changed yet" if one.step == "prepare" else "the site is closed"
            return "", (
                f"{one.said} was killed at '{one.step}'; {state}. The next run of deploy.yml, rollback.yml or "
                f"{one.what}.yml for the app completes it"
            )
    return "", ""


def _held(lock: Path) -> bool:
    """Tell whether somebody holds the LOCK."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def forget(app: str, which: str, check: bool = False) -> list[Kept]:
    """Remove what the restore WHICH (an id, or `all`) of APP put aside; return it. With CHECK only return it.

    :raises BackupError: when there is no such restore, or its database can't be dropped.
    """
    there = kept(app)
    chosen = [one for one in there if which == EVERY or one.id.lower() == which.lower()]
    if not chosen and which != EVERY:
        known = ", ".join(one.id for one in there) or "none"
        raise BackupError(f"nothing is kept of a restore '{which}' of {app}; there is: {known}")
    for journal in all_of(app) if not check else []:
        if journal.id in [one.id for one in chosen]:
            if journal.database and journal.had:
                swap.drop(swap.cluster_of(journal.cluster), journal.kept)
            if journal.mariadb and journal.had:
                mariadb_tables.drop(journal.kept)
            for folder in journal.folders:
                shutil.rmtree(folder.kept, ignore_errors=True)
                _remove_empty(Path(folder.kept).parent)
            journal.remove()
    return chosen


def _remove_empty(folder: Path) -> None:
    """Remove the FOLDER that was made for what was kept, and those in it."""
    while "_before_" in str(folder):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
