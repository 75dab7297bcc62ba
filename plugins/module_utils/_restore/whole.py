# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A bare host becomes the one that its backups are of: the database server, certificates, then each app's folders and code.

It goes in parts, between which site.yml sets up what they need (users before folders). What is done is written down, so that
a run that was cut short goes on where it was; a host that had data before is refused.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.places import ID
from ansible_collections.slipway.flask.plugins.module_utils._backup import database as cluster_database
from ansible_collections.slipway.flask.plugins.module_utils._backup import journal as journals
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    machine,
    mariadb_tables,
    points,
    setup,
    staging,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._restore import alive, host_app, host_server

TABLES = """
SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p')
AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$');
"""
OWN_DATABASES = {"postgres", "template0", "template1"}


def intent() -> Path:
    """Return the file that says what is done."""
    return journals.FOLDER / "host.json"


class Whole:
    """The restore of this host, as SETTINGS describe it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.done: dict[str, Any] = dict(state.read(intent()))

    # ---- whether it may ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin, or go on. Raises BackupError for a host that has data, and where there are no backups."""
        if self.done and not self.done.get("ended"):
            return
        if there := list(self._there()):
            raise BackupError(
                f"this host already has data, which a restore of the whole host would mix with that of the backups: "
                f"{'; '.join(there)}. To restore one app: playbooks/restore.yml -e app=NAME -e to=latest. To restore "
                "the whole host, use an empty one"
            )
        snapshots, addresses = self._snapshots()
        if not snapshots:
            names = ", ".join(target.name for target in self.settings.targets)
            raise BackupError(
                f"{names}: there are no backups of {self.settings.host}. Is this the name that the host had in the inventory? "
                "Without -e restore=latest, site.yml sets up a host without data"
            )
        self.done = {
            "began": time.time(), "snapshots": snapshots, "addresses": addresses, "parts": [], "notes": [], "last": "",
        }  # fmt: skip
        self._write()

    def _there(self) -> Iterator[str]:
        """Yield what this host has that could be lost or mixed."""
        for app in self.settings.apps:
            releases = Path(app.root) / "releases"
            if app.root and releases.is_dir() and any(ID.fullmatch(path.name) for path in releases.iterdir()):
                yield f"releases of {app.name}"
            yield from (f"files in {folder}" for folder in app.folders if _has_files(Path(folder)))
            if app.mariadb and Path(SOCKET).exists() and mariadb_tables.tables_of(app.mariadb):
                yield f"tables in the database {app.mariadb} in MariaDB"
        if self.settings.has_cluster:
            cluster = self._running()
            names = set(cluster_database.ask(cluster, "SELECT datname FROM pg_database;").split()) - OWN_DATABASES
            for name in sorted(names):
                if int(cluster_database.ask(cluster, TABLES, name)):
                    yield f"tables in the database {name}"

    def _snapshots(self) -> tuple[dict[str, tuple[str, str]], list[str]]:
        """Return what is to be restored: the newest snapshot of the host and of each app, with the name of its target.

        And the addresses of the machine that has made the newest snapshot of the host.
        """
        found: dict[str, tuple[str, Snapshot]] = {}
        problems = []
        for target in self.settings.targets:
            try:
                for one in Restic(self.settings, target).snapshots():
                    name = "host" if points.HOST in one.tags else f"app:{one.tag('app')}"
                    if name not in found or rank(one) > rank(found[name][1]):
                        found[name] = (target.name, one)
            except BackupError as error:
                problems.append(str(error))
        if problems and not found:
            raise BackupError("; ".join(problems))
        addresses = machine.addresses_of(found["host"][1]) if "host" in found else []
        return {name: (target, one.id) for name, (target, one) in found.items()}, addresses

    # ---- the parts -----------------------------------------------------------------------------------------------

    def server(self) -> list[str]:
        """Bring back certificates and the database server; return what was done. Raises BackupError."""
        self.begin()
        told = []
        if self._is_due("certificates"):
            self._restore("host", list(staging.CERTIFICATES))
            told.append("restored the certificates")
            self._finished("certificates")
        alive.refuse(self.done.get("addresses", []))
        if self.settings.has_cluster and self._is_due("cluster"):
            last = self._cluster()
            self.done["last"] = last
            told.append(f"restored the database server, up to {last or 'its newest backup'}")
            self._finished("cluster")
        return told

    def apps(self) -> list[str]:
        """Bring back each app's folders and the code that served; return what was done. Raises BackupError."""
        self._must_have_begun()
        told = []
        for app in self.settings.apps:
            if self._is_due(f"app:{app.name}"):
                told += self._app(app)
                self._finished(f"app:{app.name}")
        return told

    def _must_have_begun(self) -> None:
        if not self.done or self.done.get("ended"):
            raise BackupError("no restore of this host is under way: site.yml -e restore=latest begins one")

    def end(self) -> dict[str, Any]:
        """Write down that all is over; return what there is to tell."""
        self.done["ended"] = time.time()
        self._write()
        return {
            "seconds": round(self.done["ended"] - self.done["began"], 1),
            "last": self.done["last"],
            "notes": self.done["notes"],
        }

    def _is_due(self, part: str) -> bool:
        return part not in self.done["parts"]

    def _finished(self, part: str) -> None:
        self.done["parts"].append(part)
        self._write()

    def _write(self) -> None:
        journals.FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        state.write(intent(), self.done)

    def _restore(self, name: str, paths: list[str], into: Path = Path("/")) -> bool:
        """Write PATHS of the snapshot NAME below INTO; tell whether there is one. Raises BackupError."""
        if name not in self.done["snapshots"]:
            return False
        at, snapshot = self.done["snapshots"][name]
        # A run that goes on may find the targets in another order, or one of them gone.
        targets = [target for target in self.settings.targets if target.name == at]
        if not targets:
            raise BackupError(
                f"this restore began with what is at {at}, and slipway_backups does not have that target any more: put it back "
                "until the restore is over"
            )
        Restic(self.settings, targets[0]).restore(snapshot, into, paths)
        return True

    # ---- the database server -------------------------------------------------------------------------------------

    def _running(self) -> Cluster:
        """Return the host's cluster, started if it was not. Raises BackupError."""
        cluster = cluster_database.cluster_of(self.settings)
        if not cluster.online:
            try:
                systemd.start(cluster.unit)
            except systemd.HostError as error:
                raise BackupError(str(error)) from None
        return cluster

    def _cluster(self) -> str:
        """Put the cluster of the backups in the place of the empty one; return the time of its last transaction.

        It is made whole beside the empty one, which runs until then: a run that is cut short leaves a server that starts.
        """
        cluster = self._running()
        setup.configure(self.settings)
        data = Path(cluster_database.archiver(cluster)["data"])
        for target in self.settings.targets:
            if target.kind == "path":
                host_server.adopt(Path(target.path) / "pgbackrest")
        found = self._repository(cluster)
        new = data.with_name(f"{data.name}.restored")
        systemd.stop(host_server.UNIT)
        host_server.clear(new)
        PgBackRest(self.settings).restore(new, moments.LATEST, (), found.number)
        self._refuse_living(found)
        last = host_server.recover(cluster, new)
        systemd.stop(cluster.unit)
        host_server.replace(data, new)
        try:
            systemd.start(cluster.unit)
        except systemd.HostError as error:
            raise BackupError(str(error)) from None
        return last

    def _repository(self, cluster: Cluster) -> Repository:
        """Return the repository that is restored from: that with the newest WAL. Raises BackupError."""
        every = PgBackRest(self.settings).info()
        usable = [one for one in every if not one.problem and one.backups]
        if not usable:
            said = [
                f"{target.name}: {one.problem or 'no backup of the database server'}"
                for target, one in zip(self.settings.targets, every, strict=True)
            ]
            raise BackupError("; ".join(said))
        chosen = max(usable, key=lambda one: one.wal[1])
        if chosen.version != cluster.version:
            raise BackupError(
                f"the backups are of PostgreSQL {chosen.version}, and this host has {cluster.version}: restore on a host with "
                f"{chosen.version} (Debian 12 has 15, Debian 13 has 17), and upgrade it there (playbooks/upgrade_database.yml), or "
                "move each app with export.yml and import.yml"
            )
        return chosen

    def _refuse_living(self, before: Repository) -> None:
        """Refuse to go on while somebody writes to the repositories. Raises BackupError."""
        now = PgBackRest(self.settings).repository(before.number)
        if now.wal[1] != before.wal[1]:
            raise BackupError(
                f"the host that these backups belong to is still up: WAL came to "
                f"{self.settings.targets[before.number - 1].name} while "
                "it was restored. Stop that host first, or both would write to the same backups"
            )

    def _app(self, app: AppData) -> list[str]:
        """Bring back the folders of one app and the release that served."""
        return host_app.bring_back(app, self._restore, self.done["notes"])


def rank(one: Snapshot) -> tuple[bool, datetime]:
    """Return what makes a snapshot the one to restore: the newest, but one with the code of a release before all without."""
    return any("/releases/" in path for path in one.paths), one.time


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(names for _, _, names in os.walk(folder))
