# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of a drill that is about files: the newest snapshots, restored to a folder of their own and compared.

A file that has not been changed since the snapshot began must be in it with the same contents, by SHA-256; copies of SQLite's
databases must pass its own check. Of much data, files chosen at random are restored, others every time. Beside that, restic
reads a part of its repository, and finds what the disk or the service there has damaged.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, points, scratch_place, sqlite, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings

WHOLE_BYTES = 1 << 30
"""A snapshot up to this size is restored whole; of a larger one, files of about so many bytes are chosen."""
CHOSEN = 500
"""Most files that are chosen: each is an argument of restic's."""
PART = "1G"
"""How much of a repository restic reads in one drill, chosen at random; all of it, where it is smaller."""
SURE_SECONDS = 2.0
"""A file that was changed so shortly before the snapshot may be in it as it was before: clocks of file systems are coarse."""
READ_BYTES = 1 << 20
SHOWN = 3


class Files:
    """The folders of the apps in SETTINGS. SAY is called with the progress; PROBLEMS collects problems, one sentence each."""

    def __init__(self, settings: Settings, say: Callable[[str], None], problems: list[str]) -> None:
        self.settings, self.say, self.problems = settings, say, problems
        self.random = random.Random()

    def drill(self, target: int) -> dict[str, Any]:
        """Restore the newest snapshots at a TARGET, compare them, and return how much was compared of each app.

        :raises BackupError: where that can't be done at all.
        """
        facts: dict[str, Any] = {}
        restic = Restic(self.settings, self.settings.targets[target - 1])
        snapshots = restic.snapshots()
        self.say(f"  reading up to {PART}B of the repository of files")
        try:
            restic.check(PART)
        except BackupError as error:
            self.problems.append(str(error))
        for app in self.settings.apps:
            newest = [one for one in snapshots if f"app:{app.name}" in one.tags]
            if newest:
                facts[app.name] = self._one(restic, newest[-1], app)
            else:
                self.problems.append(f"{app.name}: it has no restore point")
        host = [one for one in snapshots if points.HOST in one.tags]
        if host:
            facts["the host"] = self._one(restic, host[-1], None)
        return facts

    def _one(self, restic: Restic, snapshot: Snapshot, app: AppData | None) -> dict[str, Any]:
        """Restore and compare one SNAPSHOT, of an APP or what the host itself needs (None); return how much was compared."""
        name = app.name if app else "the host"
        self.say(f"  {name}: files")
        number, lock = scratch_place.claim()
        into = places.SCRATCH / str(number)
        try:
            into.mkdir(mode=0o700, parents=True)
            problems, facts = self._compare(restic, snapshot, into, app)
        except scratch_place.NoRoom:
            raise
        except BackupError as error:
            problems, facts = [str(error)], {}
        finally:
            scratch_place.clear(number)
            lock.close()
        self.problems += [f"{name}: {problem}" for problem in problems]
        return facts

    def _compare(
        self, restic: Restic, snapshot: Snapshot, into: Path, app: AppData | None
    ) -> tuple[list[str], dict[str, Any]]:
        staging = points.staged(app.name) if app else None
        copies = str(staging / "sqlite") if staging else ""
        live = [path for path in snapshot.paths if staging is None or path != str(staging)]
        tree = sqlite.look(live, app.user) if app else sqlite.Tree(0, 0, {})
        without = {*(str(file) for one in tree.databases for file in sqlite.beside(one)), *map(str, tree.hollow)}
        unchanged = {
            path: size for path, size, changed in files(live)
            if path not in without and changed < snapshot.time.timestamp() - SURE_SECONDS
        }  # fmt: skip
        whole = snapshot_bytes(snapshot) <= WHOLE_BYTES and sum(unchanged.values()) <= WHOLE_BYTES
        chosen = list(unchanged) if whole else choose(unchanged, self.random)
        scratch_place.room(
            "a drill of files", snapshot_bytes(snapshot) if whole else sum(unchanged[path] for path in chosen)
        )
        restic.restore(snapshot.id, into, () if whole else [*chosen, *([str(staging)] if staging else [])])
        problems = []
        wrong = [path for path in chosen if not same(path, into / path.lstrip("/"))]
        if wrong:
            shown = ", ".join(map(plain, wrong[:SHOWN])) + (" …" if len(wrong) > SHOWN else "")
            problems.append(f"{len(wrong)} of {len(chosen)} files differ between the backup and the host: {shown}")
        copied = files([str(into / copies.lstrip("/"))]) if app else []
        damaged = sqlite_problems([Path(path) for path, _, _ in copied], app.user) if app else {}
        for path, told in damaged.items():
            if told:
                problems.append(f"the copy of {plain(str(path).removeprefix(str(into) + copies))} is damaged: {told}")
        if staging and not state.read(into / str(staging).lstrip("/") / places.MANIFEST):
            problems.append(f"its restore point has no {places.MANIFEST}")
        size = sum(unchanged[path] for path in chosen)
        return problems, {
            "snapshot": snapshot.id[:8], "point": snapshot.tag("point"), "files": len(chosen), "of": len(unchanged),
            "bytes": size, "sqlite": len(damaged),
        }  # fmt: skip


def snapshot_bytes(snapshot: Snapshot) -> int:
    """Return how many bytes the folders in a SNAPSHOT had, by its tag; 0 when it has none."""
    told = snapshot.tag("folders")
    return int(told) if told.isdecimal() else 0


def files(folders: list[str]) -> Iterator[tuple[str, int, float]]:
    """Yield path, size and time of the last change (of contents or of attributes) of each file in FOLDERS, files among them."""
    todo = list(folders)
    while todo:
        path = todo.pop()
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                todo += [entry.path for entry in os.scandir(path)]
            elif stat.S_ISREG(found.st_mode):
                yield path, found.st_size, max(found.st_mtime, found.st_ctime)
        except OSError:
            continue  # it was removed in the meantime


def choose(found: dict[str, int], chance: random.Random) -> list[str]:
    """Return files of FOUND (path to size) by CHANCE: at most CHOSEN, of WHOLE_BYTES together."""
    paths = sorted(found)
    chance.shuffle(paths)
    chosen: list[str] = []
    size = 0
    for path in paths:
        if len(chosen) < CHOSEN and size + found[path] <= WHOLE_BYTES:
            chosen.append(path)
            size += found[path]
    return chosen


def same(live: str, restored: Path) -> bool:
    """Tell whether a LIVE file, unless it was removed or changed meanwhile, is the RESTORED one."""
    try:
        before = os.lstat(live)
        own = digest(live)
        after = os.lstat(live)
    except OSError:
        return True
    if own is None or times(before) != times(after):
        return True
    try:
        return own == digest(str(restored))
    except OSError:
        return False


def times(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def digest(path: str) -> str | None:
    """Return the SHA-256 of a file, None of what isn't one: the app may have put a link or a pipe there meanwhile."""
    found = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        while block := stream.read(READ_BYTES):
            found.update(block)
    return found.hexdigest()


INTEGRITY = """
import sqlite3, sys
try:
    database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro&immutable=1", uri=True)
    print(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
except sqlite3.Error as error:
    print(error)
"""


def sqlite_problems(copies: list[Path], user: str) -> dict[Path, str]:
    """Return what SQLite finds wrong with COPIES of databases, "" for nothing. It reads them with USER's rights."""
    if not copies:
        return {}
    number, lock = scratch_place.claim()
    folder = places.SCRATCH / str(number)
    found = {}
    try:
        folder.mkdir(mode=0o700)
        folder.chmod(0o711)  # the app's user can enter it, and the copy is that user's
        for path in copies:
            path.rename(folder / "copy.db")
            shutil.chown(folder / "copy.db", user)  # one that was fetched outside belongs to who fetched it
            done = run(
                [sqlite.PYTHON, "-I", "-c", INTEGRITY, str(folder / "copy.db")], user, seconds=sqlite.COPY_SECONDS
            )
            said = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:] or ["no details given"]
            found[path] = "" if said == ["ok"] else said[0][:200]
    finally:
        scratch_place.clear(number)
        lock.close()
    return found
