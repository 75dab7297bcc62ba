# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An existing site's data becomes an app's: made ready beside what serves, then swapped in as a restore does it.

Whatever fails before the swap changes nothing; what fails in it is undone; after a kill, the next run over the app settles it
(_release/restores.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup import kept, mariadb_tables, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.recovery import Recovery
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._restore import folders
from ansible_collections.slipway.flask.plugins.module_utils._restore.exchange import Exchange
from ansible_collections.slipway.flask.plugins.module_utils._transfer import (
    beside,
    heads,
    into_mariadb,
    places,
    source,
    unpack,
    verdict,
)
from ansible_collections.slipway.flask.plugins.module_utils._transfer.elsewhere import Elsewhere
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError
from ansible_collections.slipway.flask.plugins.module_utils._transfer.wanted import DUMP, FILES, GROWTH, Told, Wanted


class Import(Exchange):
    """One import into one app. REQUEST says which app, WANTED what."""

    doing = "import"
    failure = "import failed"
    failures = (DumpError, PostgresError, *Exchange.failures)

    found: source.Source
    """The dump, read once, for a database elsewhere."""
    heads: list[str] | None = None
    """Where its migrations have to be, None for anywhere."""

    def __init__(self, request: Request, wanted: Wanted, check: bool = False) -> None:
        super().__init__(request, check)
        self.wanted, self.told = wanted, Told()

    # ---- before anything is touched ------------------------------------------------------------------------------

    def ask(self) -> dict[str, Any]:
        """Return what is there. Raises ReleaseError when it can't be replaced, or there is no room."""
        with self._told("check"):
            self._find_user()
            self._look()
            return {"serves": self.serving.id, "occupied": self.occupied}

    def _look(self) -> None:
        found = self.paths.record(self.paths.current_id())
        if found is None:
            raise ReleaseError(
                f"no release of {self.app} is live on this host, so no release could use the data: deploy one first"
            )
        self.serving, self.occupied = found, list[str]()
        self.context.record = found
        wanted, both = self.wanted, 0
        if wanted.dump is not None:
            both += wanted.dump
            self._look_at_database(wanted.dump)
        if wanted.files is not None:
            both += wanted.files
            if unpack.has_files(Path(wanted.into)):
                self.occupied.append(f"the folder {wanted.into} has files")
            places.need(Path(wanted.into).parent, wanted.files, "what is in it")
        places.need(places.FOLDER, both, "what is sent")
        if self.occupied and not wanted.replace:
            raise ReleaseError(
                f"{' and '.join(self.occupied)}. With -e replace=true the import replaces that data, "
                "of which a copy is kept"
            )

    def _look_at_database(self, octets: int) -> None:
        if self.wanted.url:
            self.elsewhere.check()
            if refused := self.elsewhere.refused(self.app, self.wanted.replace):
                raise ReleaseError(refused)
            return
        if self.wanted.mariadb:
            self.occupied += into_mariadb.look(self.wanted.mariadb, self.request.user, octets * GROWTH)
            return
        cluster = self.cluster
        if not self.wanted.database or self.wanted.database not in swap.databases(cluster):
            raise ReleaseError(f"{self.app} has no database on this host: run site.yml first")
        if beside.has_rows(cluster, self.wanted.database, self.request.user):
            self.occupied.append(f"the database {self.wanted.database} has rows")
        places.need(beside.folder_of(cluster), octets * GROWTH, "the database")

    @property
    def elsewhere(self) -> Elsewhere:
        """The database that is the provider's."""
        return Elsewhere(self.wanted.url, self.request.user)

    @property
    def cluster(self) -> Cluster:
        return swap.cluster_of("")

    # ---- the import ----------------------------------------------------------------------------------------------

    def run_import(self, sent: str, digests: Mapping[str, str]) -> dict[str, Any]:
        """Do it with what was SENT, and return what there is to tell. Raises ReleaseError; nothing has changed then."""
        self._find_user()
        with self._told("check"):
            folder = places.named(sent)
        work = folder.with_name(f"{folder.name}.work")
        try:
            with self._alone():
                Recovery(self.context).recover()
                with self._step("check"):
                    self._look()
                    places.take(folder)
                    places.verify(folder, digests)
                    work.mkdir(mode=0o700)
                self.journal = self._begin()
                try:
                    with places.held(folder), places.held(work):
                        self._make_ready(folder, work)
                        self._swap()
                except ReleaseError as error:
                    self._give_up(error)
                    raise
                return self._open()
        finally:
            for path in (folder, work):
                shutil.rmtree(path, ignore_errors=True)

    def _begin(self) -> Journal:
        """Write down what is about to be done."""
        with self._told("check"):
            at = datetime.now(timezone.utc)
            id, wanted = journals.id_of(at, self.app), self.wanted
            planned, made = folders.planned(self.app, id, [wanted.into] if wanted.files is not None else [])
            database = wanted.database if wanted.dump is not None and not wanted.url else ""
            mariadb = wanted.mariadb if wanted.dump is not None else ""
            new, old = journals.names(database or mariadb, id) if database or mariadb else ("", "")
            journal = Journal(
                self.app, id, what="import", to=wanted.said, by=self.request.by, cluster="", database=database, new=new, kept=old,
                mariadb=mariadb, user=self.request.user, had=not mariadb or bool(mariadb_tables.tables_of(mariadb)),
                limit=beside.limit(self.cluster, database) if database else -1, folders=planned, made=made,
                serving=self.serving.id, release=self.serving.id, was_closed=bool(maintenance.closed_since(self.app)),
            )  # fmt: skip
            journal.write()
            self.since = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            return journal

    def _make_ready(self, folder: Path, work: Path) -> None:
        """Have data ready beside what serves."""
        if self.journal.database:
            with self._step("database"):
                self._database(folder / DUMP, work)
            with self._step("migrations"):
                self.told.schema = heads.bring(
                    self.context, self.journal.new, self.wanted.commands, self.wanted.keep_schema
                )
        elif self.journal.mariadb:
            self._mariadb(folder / DUMP, work)
        elif self.wanted.dump is not None:
            with self._step("database"):
                self.found = source.prepare(folder / DUMP, work, places.Room(work))
                beside.survey(self.found, self.request.user, f"{self.app}-import-look.service")
            with self._step("migrations"):
                self.heads = None if self.wanted.keep_schema else heads.of_release(self.context, self.wanted.commands)
        if self.journal.folders:
            with self._step("folders"):
                self._files(folder / FILES)

    def _swap_data(self) -> None:
        """Exchange the data, with the app ended. A dump for a database elsewhere comes last: it can't be taken back."""
        super()._swap_data()
        if self.wanted.url and self.wanted.dump is not None:
            unit = f"{self.app}-import.service"
            self.told.left_out = self.elsewhere.fill(self.found, unit, self.heads, self.progress.note)
            counts = self.elsewhere.counts()
            self.told.tables, self.told.octets = counts["tables"], counts["bytes"]
            self.told.schema = (
                "its migration head is the release's" if self.heads else "not compared with the release's"
            )

    def _database(self, dump: Path, work: Path) -> None:
        cluster, journal, user = self.cluster, self.journal, self.request.user
        found = source.prepare(dump, work, places.Room(work))
        survey = beside.survey(found, user, f"{self.app}-import-look.service")
        asked = [verdict.Extension(**one) for one in survey.extensions]
        make, missing, self.told.extensions = verdict.needs(asked, self.wanted.extensions)
        if missing:
            names = ", ".join(missing)
            raise DumpError(
                f"it needs the extension{'s' * (len(missing) > 1)} {names}: add {'them' if len(missing) > 1 else 'it'} to the "
                "app's `database_extensions` and run site.yml. Nothing of it was run"
            )
        extra = [verdict.Extension(name) for name in self.wanted.extensions if name not in {one.name for one in make}]
        beside.create(cluster, journal.database, journal.new, user)
        schemas = beside.extend(cluster, journal.new, user, [*make, *extra])
        unit = f"{self.app}-import.service"
        self.told.left_out = beside.fill(cluster, journal.new, found, user, unit, schemas, self.progress.note)
        counts = beside.counts(cluster, journal.new)
        self.told.tables, self.told.octets = counts["tables"], counts["bytes"]

    def _mariadb(self, dump: Path, work: Path) -> None:
        """Have the database in MariaDB ready, with the release's migrations."""
        target = into_mariadb.Target(self.journal)
        with self._step("database"):
            found = source.prepare(dump, work, places.Room(work), mysql=True)
            self.told.left_out, notes = target.fill(found, self.progress.note)
            self.context.notes += notes
        with self._step("migrations"), target.opened():
            self.told.schema = heads.bring(
                self.context, self.journal.new, self.wanted.commands, self.wanted.keep_schema
            )
        self.told.tables, self.told.octets = target.counts()

    def _files(self, archive: Path) -> None:
        place = self.journal.folders[0]
        new = Path(place.new)
        new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name, uid, gid = Path(place.live).name, self.context.uid, self.context.gid
        done = unpack.unpack(archive, new, name, uid, gid, places.Room(new.parent), self._unpacked)
        self.told.files, self.told.files_octets = done.files, done.octets

    def _unpacked(self, octets: int) -> None:
        if time.monotonic() - getattr(self, "said", 0.0) > 2:
            self.said = time.monotonic()
            self.progress.note(f"folders: {octets >> 20} MB unpacked")

    def _open(self) -> dict[str, Any]:
        """Have visitors in again, and write down what was done; what was replaced and held nothing goes."""
        journal = self.journal
        seconds = self._let_in("the data is in place")
        there = [one.said for one in kept.kept(self.app) if one.id == journal.id]
        if not self.occupied:
            with suppress(BackupError):
                kept.forget(self.app, journal.id)
            there = []
        self._write_down(self.serving, "imported", self.previous, "", f"data of {journal.to}")
        return {
            "told": vars(self.told), "kept": there, "id": journal.id, "seconds": self.seconds, "closed_seconds": seconds,
            "was_closed": journal.was_closed,
        }  # fmt: skip

    @property
    def previous(self) -> str:
        return self.serving.id

    def _said(self, error: Exception, step: str) -> str:
        what = self.wanted.files_name if step == "folders" else self.wanted.dump_name
        if isinstance(error, DumpError) and what and step != "check":
            return f"{what} can't be imported: {error}"
        return str(error)
