# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One app's database and folders as they were, in the place of what is there; others are not touched.

Data is made ready beside what serves, and a release that suits it is found; the rest is in exchange.py. What was there is kept
under another name.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    dumps,
    mariadb,
    mariadb_tables,
    places,
    points,
    swap,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup import settings as backup_settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.scratch import Scratch
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.recovery import Recovery
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._restore import choice as choices
from ansible_collections.slipway.flask.plugins.module_utils._restore import database, folders
from ansible_collections.slipway.flask.plugins.module_utils._restore.exchange import Exchange
from ansible_collections.slipway.flask.plugins.module_utils._restore.question import Question

DUMPS = places.SCRATCH
"""Where a dump waits between two clusters; both of their users can go through that folder."""


@dataclass(frozen=True)
class Rows:
    """How many rows a table has now and had before."""

    table: str
    now: int
    before: int


class Restore(Exchange):
    """One restore of one app. REQUEST is what it is asked; `to` and `before` say which moment."""

    doing = "restore"
    failure = "restore failed"

    def __init__(self, request: Request, before: str = "", check: bool = False) -> None:
        super().__init__(request, check)
        self.before = before
        self.rows: list[Rows] = []
        self.carried = 0

    # ---- before anything is touched ------------------------------------------------------------------------------

    def ask(self) -> dict[str, Any]:
        """Return what would be done and lost, for a person to decide. Raises ReleaseError when it can't be done."""
        with self._told("check"):
            self._find_user()
            self._prepare()
            return self.question.answer()

    def _prepare(self) -> None:
        """Find out what is meant. Raises BackupError and ReleaseError."""
        self.at = moments.now()
        self.since = self.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.settings, self.data = described(self.app)
        found = points.points(self.settings, self.app)
        self.choice = choices.choose(found, self.data, self.request.to, self.before, self.at)
        self.serving = self._serving()
        self.question = Question(
            self.settings, self.data, self.choice, self.paths, self.serving, self.request.schema == "keep", self.at,
            [process.name for process in self.context.processes if process.has(self.serving.id)],
        )  # fmt: skip

    def _serving(self) -> Record:
        found = self.paths.record(self.paths.current_id())
        if found is None:
            raise ReleaseError(
                f"no release of {self.app} is live on this host, so no release could use the data: deploy one first, or bring "
                "the whole host back with site.yml -e restore=latest",
                "check",
            )
        return found

    # ---- the restore ---------------------------------------------------------------------------------------------

    def restore(self) -> dict[str, Any]:
        """Do it, and return what there is to tell. Raises ReleaseError; what was there before serves then."""
        self._find_user()
        with self._alone():
            Recovery(self.context).recover()
            with self._step("check"):
                self._prepare()
                self.question.refuse()
            self.journal = self._begin()
            try:
                self._make_ready()
                self._swap()
            except ReleaseError as error:
                self._give_up(error)
                raise
            return self._open()

    def _begin(self) -> Journal:
        """Write down what is about to be done."""
        with self._step("check"):
            id = journals.id_of(self.at, self.app)
            planned, made = folders.planned(self.app, id, self.data.folders if self.choice.point else [])
            name = self.data.database or self.data.mariadb
            new, kept = journals.names(name, id) if name else ("", "")
            self.live = live = self.question.live
            journal = Journal(
                self.app, id, to=self.choice.said, by=self.request.by, cluster=self.settings.cluster,
                database=self.data.database, mariadb=self.data.mariadb, user=self.data.user, new=new, kept=kept, had=bool(live),
                limit=int(live.get("limit", -1)),
                folders=planned, made=[*made, str(DUMPS / f"{self.app}-{id}.dump")],
                serving=self.serving.id, was_closed=bool(maintenance.closed_since(self.app)),
            )  # fmt: skip
            journal.write()
            return journal

    @property
    def cluster(self) -> Cluster:
        return swap.cluster_of(self.settings.cluster)

    def _make_ready(self) -> None:
        """Have data and a release that suits it ready, beside what serves."""
        heads = None
        if self.data.database:
            with self._step("database"):
                heads = self._database()
        if self.data.mariadb and self.choice.point:
            with self._step("database"):
                heads = self._mariadb(self.choice.point)
        if self.choice.point:
            with self._step("folders"):
                self._folders(self.choice.point)
        with self._step("check"):
            self.target = choices.release_for(self.paths, heads, self.choice.said, keep=self.request.schema == "keep")
            self.journal.release = self.target.id
            self.journal.write()

    def _database(self) -> list[str]:
        """Make the database ready, from the first target that has it; return where its migrations are."""
        name = self.data.database
        if not database.archive_now(self.cluster):
            self.context.notes.append(
                f"the newest WAL was not archived within {database.ARCHIVE_SECONDS} s: status.yml says why"
            )
        dump, problems = DUMPS / f"{self.app}-{self.journal.id}.dump", list[str]()
        for number, target in enumerate(self.settings.targets, 1):
            try:
                with Scratch(self.settings, self._moment(number), [name], number) as copy:
                    self.context.notes += database.make(
                        self.cluster, copy, name, self.journal.new, self.data.user, dump, self.live
                    )
                    found = database.heads_in(self.cluster, self.journal.new, self.data.user)
                    self._compare()
                    break
            except BackupError as error:
                swap.drop(self.cluster, self.journal.new)
                problems.append(f"{target.name}: {error}")
        else:
            raise BackupError("; ".join(problems))
        self.context.notes += [f"not used: {problem}" for problem in problems]
        return found

    def _mariadb(self, point: points.Point) -> list[str]:
        """Make the database in MariaDB ready of the POINT's dump; return where its migrations are."""
        dump, problems = DUMPS / f"{self.app}-{self.journal.id}.dump", list[str]()
        for place in point.places:
            target = self.settings.targets[place.target - 1]
            try:
                mariadb.fetch(Restic(self.settings, target), place.snapshot, self.data, dump)
                mariadb.load(self.data, dump, self.journal.new, self.journal.objects)
                break
            except BackupError as error:
                mariadb_tables.drop(self.journal.new)
                problems.append(f"{target.name}: {error}")
            finally:
                dump.unlink(missing_ok=True)
        else:
            raise BackupError("; ".join(problems))
        self.context.notes += [f"not used: {problem}" for problem in problems]
        if not mariadb_tables.tables_of(self.journal.new):
            raise BackupError("the restore point's database has no tables")
        size = int(self.live.get("bytes", 0))
        before = mariadb.counts(self.data.mariadb, size, self.data.user)
        self._tell_rows(before, mariadb.counts(self.journal.new, size))
        head = mariadb.look(replace(self.data, mariadb=self.journal.new, user="")).head
        return head.split("+") if head else []

    def _moment(self, target: int) -> Moment:
        """Return the moment as pgBackRest takes it at a TARGET."""
        point = self.choice.point
        if self.choice.moment.point and point:
            return point.moment(self.settings.keep, target, self.at)
        return self.choice.moment

    def _compare(self) -> None:
        """Count the rows that there are, and those that there will be."""
        size = int(self.live.get("bytes", 0))
        before = database.counts(self.cluster, self.data.database, self.data.user, size) if self.live else None
        after = database.counts(self.cluster, self.journal.new, self.data.user, size)
        self._tell_rows(before, after)

    def _tell_rows(self, before: dict[str, int] | None, after: dict[str, int] | None) -> None:
        if before is not None and after is not None:
            found = [Rows(table, after.get(table, 0), before.get(table, 0)) for table in sorted({*before, *after})]
            self.rows = [one for one in found if one.now != one.before]

    def _folders(self, point: points.Point) -> None:
        """Make the folders ready, from the first target that has them."""
        problems = list[str]()
        for place in point.places:
            target = self.settings.targets[place.target - 1]
            try:
                restic = Restic(self.settings, target)
                found = folders.fetch(
                    restic,
                    place.snapshot,
                    self.app,
                    self.journal.folders,
                    self.journal.made[:-1],
                )
                told = dumps.bring(restic, place.snapshot, self.data, point.name) if self.data.elsewhere else ""
                self.context.notes += [told] * bool(told)
                break
            except BackupError as error:
                problems.append(f"{target.name}: {error}")
        else:
            raise BackupError("; ".join(problems))
        self.context.notes += [f"not used: {problem}" for problem in problems]
        missing = [one.live for one in self.journal.folders if one not in found]
        self.context.notes += [f"{path} is not in the restore point and stays as it is" for path in missing]
        self.journal.folders = found
        self.journal.write()
        if self.choice.carries:  # of the latest, the database has what was written until a moment ago
            until = moments.now() if self.choice.moment.is_latest else self.choice.time
            self.carried = sum(folders.carry(one, until, self.data.user) for one in found)

    def _open(self) -> dict[str, Any]:
        """Have visitors in again, and write down what was done."""
        journal = self.journal
        seconds = self._let_in(f"the data of {journal.to} is in its place")
        record = self._write_down(self.target, "restored", journal.serving, "", f"data of {journal.to}")
        if not journal.was_closed:
            try:
                self.ready.verify()
            except ReleaseError as error:
                self.context.notes.append(f"the data is restored and the site open, but: {error}")
        return {
            "restored": asdict(journal), "record": asdict(record), "seconds": self.seconds, "closed_seconds": seconds,
            "rows": [asdict(one) for one in self.rows], "carried": self.carried, "was_closed": journal.was_closed,
            "previous": journal.serving,
        }  # fmt: skip


def described(app: str) -> tuple[Settings, AppData]:
    """Return the host's settings of backups, and what they say of APP. Raises BackupError when it is not backed up."""
    settings = backup_settings.read()
    if settings is None:
        raise BackupError("nothing is backed up on this host: set slipway_backups, and run site.yml")
    data = settings.app(app)
    if data is None:
        raise BackupError(f"{app} is not backed up on this host yet: run site.yml")
    return settings, data
