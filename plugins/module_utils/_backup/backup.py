# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One run: backups of the cluster that are due, a restore point of every app at every target, and what is too old removed.

A failure at one target, or of one app, is reported at the end and doesn't prevent the other backups.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    database,
    machine,
    moment,
    parking,
    places,
    points,
    retention,
    staging,
    state,
    wal,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError, plain
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.points import Mark, Point
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Saved
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target, read
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome

FULL_AFTER, DIFFERENTIAL_AFTER = timedelta(days=7, minutes=-30), timedelta(days=1, minutes=-30)
"""Age of the newest full, and of the newest backup of any kind, at which one is due: hourly runs must not slip a day."""
BY_HAND = "by hand"
"""The reason of a run that a person has asked for."""
SHOWN = 3
"""How many files that could not be read are named."""


def due(found: Repository, now: datetime, gap: str = "") -> str:
    """Return which backup of the cluster is due in a repository: full, diff, or "" for none."""
    if not found.fulls or gap or now - found.fulls[-1].stop >= FULL_AFTER:
        return "full"
    return "diff" if now - found.backups[-1].stop >= DIFFERENTIAL_AFTER else ""


def is_there(path: str) -> bool:
    """Tell whether there is, or may be, a file at a PATH that an app has chosen: it can be too long to be looked at."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


@dataclass
class At:
    """What the run knows of one target."""

    number: int
    target: Target
    restic: Restic
    backup: str = ""
    """The label of the cluster's backup that this run made there."""
    full: bool = False
    usable: bool = True


@dataclass
class Run:
    """One run over all targets and apps. SAY is called with the progress."""

    settings: Settings
    reason: str = "timer"
    full: bool = False
    say: Callable[[str], None] = lambda text: None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    saved: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pgbackrest = PgBackRest(self.settings)
        self.began, self.stamp = time.monotonic(), moment.name(moment.now())
        self.places = [
            At(number, target, Restic(self.settings, target)) for number, target in enumerate(self.settings.targets, 1)
        ]

    def run(self) -> Outcome:
        """Do all of it, and keep how it ended. Waits for another run that is under way."""
        with state.alone(self.say):
            outcome = Outcome("run", state.now())
            self.began = time.monotonic()
            shutil.rmtree(places.STAGING, ignore_errors=True)
            point = ""
            try:
                point = self._all()
            except BackupError as error:
                self.problems.append(str(error))
            except OSError as error:
                self.problems.append(f"{error.filename or 'the host'}: {error.strerror or error}")
            outcome.ended, outcome.seconds = state.now(), round(time.monotonic() - self.began, 1)
            outcome.problems, outcome.notes = list(dict.fromkeys(self.problems)), self.notes
            outcome.facts = {
                "reason": self.reason, "point": point if self.saved else "", "saved": self.saved,
                "backups": {at.target.name: at.backup for at in self.places if at.backup},
            }  # fmt: skip
            outcome.write()
        return outcome

    def _all(self) -> str:
        """Return the name of the point that was made."""
        for at in self.places:
            self._open(at)
        archives = self.settings.has_cluster and self._archives()
        if archives:
            self._cluster()
        else:
            for at in self.places:
                at.full = at.usable and self._is_full_due(at)
        name = moment.name(moment.now())
        mark = points.mark(self.settings, name) if archives else None
        if mark:
            self._archived(mark)
        for app in self.settings.apps:
            self._app(app, name)
        self._host(name)
        for at in self.places:
            if at.usable and (at.backup or at.full):
                self._expire(at)
        return name

    def _open(self, at: At) -> None:
        """Find out whether a target can be used, and remove locks of runs that were killed."""
        try:
            if at.target.kind == "path" and not (Path(at.target.path) / "restic" / "config").exists():
                raise BackupError(
                    f"{at.target.name} holds no repository: is its disk mounted? site.yml makes a new one"
                )
            at.restic.unlock()
            if self.reason != BY_HAND:
                machine.refuse_other(self.settings.host, at.target.name, at.restic.snapshots([points.HOST]))
        except BackupError as error:
            at.usable = False
            self.problems.append(str(error))

    # ---- the cluster ---------------------------------------------------------------------------------------------

    def _archives(self) -> bool:
        """Tell whether the cluster archives WAL; without that, no backup of it can be made."""
        restart = database.waits_for_restart(database.archiver(database.cluster_of(self.settings)))
        self.problems += [restart] * bool(restart)
        return not restart

    def _cluster(self) -> None:
        """Make the backups of the cluster that are due."""
        for found, at in zip(self.pgbackrest.info(), self.places, strict=True):
            if found.problem:
                self.problems.append(f"{at.target.name}: {found.problem}")
                continue
            try:
                self._backup(at, found)
            except BackupError as error:
                self.problems.append(f"{at.target.name}: {error}")

    def _backup(self, at: At, found: Repository) -> None:
        gap = self._gap(at, found)
        kind = "full" if self.full else due(found, moment.now(), gap)
        if not kind:
            return
        self.say(f"{'full' if kind == 'full' else 'differential'} backup of the database server to {at.target.name}")
        notes = {retention.RUN: self.stamp, retention.GAP: gap} if self.pgbackrest.can_annotate() else {}
        at.backup = self.pgbackrest.backup(kind, at.number, notes)
        at.full = at.backup.endswith("F")
        if at.full:
            parking.mended(self.settings, at.number)

    def _gap(self, at: At, found: Repository) -> str:
        """Return the first segment of WAL that is missing since the newest backup, "" when none is; say so."""
        if not found.backups or not found.wal[1]:
            return ""
        since = found.backups[-1].wal[1]
        gap = wal.gap(self.pgbackrest.segments(found, since), since)
        if not gap and at.number in parking.lacking(self.settings):
            gap = wal.following(found.wal[1])  # nothing has come since, so that the gap can't be seen yet
        if gap:
            self.notes.append(
                f"{at.target.name}: WAL from {gap} on was dropped while a target could not be reached, so moments between "
                f"{moment.said(found.backups[-1].stop)} and now may be lost there; a new full backup was made"
            )
        return gap

    def _archived(self, mark: Mark) -> None:
        """Wait until the point's WAL is at the targets."""
        if late := database.wait_archived(database.cluster_of(self.settings), mark.segment):
            self.problems.append(late)

    # ---- folders -------------------------------------------------------------------------------------------------

    def _is_full_due(self, at: At) -> bool:
        """Tell whether the snapshots of this run are those of their week: without a cluster, all of them are whole."""
        if self.full:
            return True
        stamps = [one.tag("full") for one in at.restic.snapshots([points.HOST]) if one.tag("full")]
        return not stamps or moment.now() - moment.time_of(stamps[-1]) >= FULL_AFTER

    def _app(self, app: AppData, name: str) -> None:
        """Save one app's folders to every target."""
        self.say(f"{app.name}")
        try:
            with state.still(app.name, self.say):
                if (now := read()) and not now.app(app.name):
                    self.say(f"{app.name}: it was removed in the meantime")
                    return
                staging.refuse_halves(app.name)
                self._save_app(app, name)
        except (BackupError, OSError) as error:  # the next app's is saved all the same
            self.problems.append(f"{app.name}: {error}")

    def _save_app(self, app: AppData, name: str) -> None:
        with staging.staged(self.settings, app, Point(name, app.name, reason=self.reason)) as ready:
            self.problems += [f"{app.name}: {one}" for one in ready.lacks]
            for at in self.places:
                if at.usable:
                    full = self.stamp if at.full else ""
                    tags = points.tags(Point(**{**ready.point.__dict__, "full": full}), at.backup)
                    self._save(at, app.name, partial(at.restic.backup, ready.paths, tags, ready.without))

    def _host(self, name: str) -> None:
        """Save what the host itself needs to come back."""
        wanted = staging.host_paths(self.settings)
        for at in self.places if wanted else ():
            if at.usable:
                took = f"{time.monotonic() - self.began:.1f}"
                tags = [points.HOST, f"point:{name}", f"seconds:{took}", *machine.tags()]
                tags += [f"full:{self.stamp}"] if at.full else []
                self._save(at, "the host", partial(at.restic.backup, wanted, tags))

    def _save(self, at: At, what: str, save: Callable[[], Saved]) -> None:
        try:
            done = save()
        except BackupError as error:
            self.problems.append(f"{what}: {error}")
            return
        self.saved[at.target.name] = self.saved.get(at.target.name, 0) + done.added
        # What was removed while it was read is no loss.
        missing = [plain(path) for path in done.unread if is_there(path)]
        if missing:
            named = ", ".join(missing[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
            self.problems.append(f"{what}: {len(missing)} files could not be read: {named}")

    # ---- what goes -----------------------------------------------------------------------------------------------

    def _expire(self, at: At) -> None:
        """Remove what is too old at a target: once a day, with the backup of the day."""
        self.say(f"removing expired backups from {at.target.name}")
        keep = self.settings.keep
        try:
            if self.settings.has_cluster:
                gone = retention.expiry(self.pgbackrest.repository(at.number), keep)
                if gone:
                    self.pgbackrest.expire(at.number, gone.labels, gone.fulls)
            forgotten = retention.forgotten(at.restic.snapshots(), keep)
            if forgotten:
                at.restic.forget(forgotten)
                at.restic.prune()
        except BackupError as error:
            self.problems.append(f"{at.target.name}: {error}")
