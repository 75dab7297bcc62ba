# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An existing site's data becomes an app's: made ready beside what serves, then swapped in as a restore does it.

Whatever fails before the swap changes nothing; what fails in it is undone; after a kill, the next run over the app settles it
(_release/restores.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup import kept, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._release import observers, restores
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError, now
from ansible_collections.slipway.flask.plugins.module_utils._release.recovery import Recovery
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Run
from ansible_collections.slipway.flask.plugins.module_utils._restore import folders
from ansible_collections.slipway.flask.plugins.module_utils._transfer import (
    beside,
    heads,
    places,
    source,
    unpack,
    verdict,
)
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

DUMP, FILES = "dump.upload", "files.upload"
"""What the controller calls what it sends."""
GROWTH = 3
"""How many times its dump a database is in practice, when the dump is compressed; without, it is one time and its indexes."""


@dataclass(frozen=True)
class Wanted:
    """What is to be imported. DUMP and FILES are octets, None for none; the rest is of the app's description."""

    dump: int | None = None
    dump_name: str = ""
    files: int | None = None
    files_name: str = ""
    into: str = ""
    """The folder that the files go into."""
    replace: bool = False
    keep_schema: bool = False
    database: str = ""
    """The app's database in the local cluster, "" for none."""
    extensions: Sequence[str] = ()
    commands: Sequence[str] = ()
    """The app's release commands."""

    @property
    def said(self) -> str:
        names = [
            name for name, size in ((self.dump_name, self.dump), (self.files_name, self.files)) if size is not None
        ]
        return " and ".join(names)


@dataclass
class Told:
    """What there is to tell of one that was done."""

    tables: int = 0
    octets: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    extensions: list[str] = field(default_factory=list)
    """Extensions that were left out."""
    schema: str = ""
    files: int = 0
    files_octets: int = 0


class Import(Run):
    """One import into one app. REQUEST says which app, WANTED what."""

    what = "rollback"
    failure = "import failed"

    def __init__(self, request: Request, wanted: Wanted, check: bool = False) -> None:
        super().__init__(request, check)
        self.wanted, self.told = wanted, Told()
        self.seconds: dict[str, float] = {}

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
                f"no release of {self.app} serves on this host, so nothing could serve the data: deploy one first"
            )
        self.serving, self.occupied = found, list[str]()
        self.context.record = found
        wanted, both = self.wanted, 0
        if wanted.dump is not None:
            both += wanted.dump
            self._look_at_database(wanted.dump)
        if wanted.files is not None:
            both += wanted.files
            if _has_files(Path(wanted.into)):
                self.occupied.append(f"the folder {wanted.into} has files")
            places.need(Path(wanted.into).parent, wanted.files, "what is in it")
        places.need(places.FOLDER, both, "what is sent")
        if self.occupied and not wanted.replace:
            raise ReleaseError(
                f"{' and '.join(self.occupied)}. With -e replace=true the import replaces what is there, which is then "
                "kept beside it"
            )

    def _look_at_database(self, octets: int) -> None:
        cluster = self.cluster
        if not self.wanted.database or self.wanted.database not in swap.databases(cluster):
            raise ReleaseError(f"{self.app} has no database on this host: run site.yml first")
        if beside.has_rows(cluster, self.wanted.database, self.request.user):
            self.occupied.append(f"the database {self.wanted.database} has rows")
        places.need(beside.folder_of(cluster), octets * GROWTH, "the database")

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
            database = wanted.database if wanted.dump is not None else ""
            new, old = journals.names(database, id) if database else ("", "")
            journal = Journal(
                self.app, id, what="import", to=wanted.said, by=self.request.by, cluster="", database=database, new=new, kept=old,
                limit=beside.limit(self.cluster, database) if database else -1, folders=planned, made=made,
                serving=self.serving.id, release=self.serving.id, was_closed=bool(maintenance.closed_since(self.app)),
            )  # fmt: skip
            journal.write()
            self.began = at
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
        if self.journal.folders:
            with self._step("folders"):
                self._files(folder / FILES)

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

    def _swap(self) -> None:
        """Close the site, end the app, exchange the data, and start the app on it."""
        journal, self.closed = self.journal, time.monotonic()
        with self._step("close"):
            journal.at("close")
            restores.close(journal)
            restores.halt(self.context)
        with self._step("swap"):
            journal.at("swap")
            swap.forward(journal)
        with self._step("start"):
            journal.at("start")
            self.ready = restores.start(self.context, journal.release)
            journal.at("done")

    def _open(self) -> dict[str, Any]:
        """Have visitors in again, and write down what was done; what was replaced and held nothing goes."""
        journal = self.journal
        try:
            with self._step("open"):
                self.ready.switch()
                restores.reopen(journal)
                seconds = time.monotonic() - self.closed
                swap.discard(journal)
                journal.at("kept")
        except ReleaseError as error:
            raise ReleaseError(
                f"the data is in its place, but the site could not be opened: {error}. The next run of deploy.yml, rollback.yml "
                f"or import.yml over {self.app} tries again",
                error.stage,
            ) from None
        there = [one.said for one in kept.kept(self.app) if one.id == journal.id]
        if not self.occupied:
            with suppress(BackupError):
                kept.forget(self.app, journal.id)
            there = []
        self._record(self.serving, "imported", "", f"data of {journal.to}")
        return {
            "told": vars(self.told), "kept": there, "id": journal.id, "seconds": self.seconds,
            "closed_seconds": round(seconds, 1), "was_closed": journal.was_closed,
        }  # fmt: skip

    def _give_up(self, error: ReleaseError) -> None:
        """Bring back what was there; ERROR says more when that can't be done."""
        try:
            restores.undo(self.context, self.journal)
        except (BackupError, ReleaseError, systemd.HostError, OSError) as worse:
            error.args = (
                f"{error}\nAnd what was there before could not be brought back: {worse}. The site stays closed; the next run "
                f"of deploy.yml, rollback.yml or import.yml over {self.app} tries again",
            )
        with suppress(OSError):
            self._record(self.serving, "import failed", error.stage, str(error))

    def _record(self, release: Record, outcome: Any, stage: str, message: str) -> None:
        record = replace(
            release, what="import", by=self.request.by, started=self.began.strftime("%Y-%m-%dT%H:%M:%SZ"), ended=now(),
            outcome=outcome, seconds=self.seconds, stage=stage, message=message, previous=release.id, notes=self._notes(),
        )  # fmt: skip
        observers.ended(self.paths, record)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Show and time a step, and put its name on whatever goes wrong in it."""
        began = time.monotonic()
        self.progress.begin(name)
        try:
            with self._told(name):
                yield
        finally:
            took = round(time.monotonic() - began, 2)
            self.seconds[name] = round(self.seconds.get(name, 0) + took, 2)
            self.progress.end(name, took)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except ReleaseError as error:
            error.stage = error.stage or name
            raise
        except DumpError as error:
            what = self.wanted.files_name if name == "folders" else self.wanted.dump_name
            raise ReleaseError(
                f"{what} can't be imported: {error}" if what and name != "check" else str(error), name
            ) from None
        except (BackupError, PostgresError, systemd.HostError, OSError, http.client.HTTPException, ValueError) as error:
            raise ReleaseError(str(error), name) from error


def _has_files(folder: Path) -> bool:
    """Tell whether there is anything in FOLDER but folders."""
    return any(
        names or any(os.path.islink(os.path.join(top, one)) for one in inner) for top, inner, names in os.walk(folder)
    )
