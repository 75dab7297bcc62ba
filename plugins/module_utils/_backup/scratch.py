# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A scratch cluster: the host's PostgreSQL as a backup has it, beside the live one, for as long as it is looked at.

    with Scratch(settings, moment, ["shop"]) as cluster:
        cluster.sql("shop", "SELECT count(*) FROM orders")
        cluster.dump("shop", Path("/var/lib/slipway/…/shop.dump"))

It is never in the live cluster's way: its files, its port and its socket are its own, it can't see the live one's, it has no
network, and what it may use of the machine is little. It is removed at the end; one whose owner was killed, by whoever makes the
next one or calls scratch_place.sweep.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment as moments
from ansible_collections.slipway.flask.plugins.module_utils._backup import recovery, scratch_place
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import PATH
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import Backup, PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.recovery import Recovered
from ansible_collections.slipway.flask.plugins.module_utils._backup.scratch_server import Server
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    PostgresError,
    as_user,
    run,
)

GROWTH = 1.05
"""A cluster grows while WAL is replayed and indexes are looked through."""
RECOVERY_SECONDS = 21_600
"""Longest time that replaying WAL may take: a day of a busy site's takes minutes."""


class Scratch(scratch_place.Place):
    """A cluster restored to a moment, inside `with`.

    :param to: the moment that it is brought to. When WAL ends with a transaction before a time that is wanted, all of it is
        there, and `recovered.is_short` says so.
    :param databases: the only databases that are wanted; () is all. The others exist, but are empty and can't be entered.
    :param target: the number of the target that it is restored from, from 1 on.
    :param size: bytes that DATABASES have, which is what the disk must hold; None counts the whole cluster.
    :raises BackupError: on entering: when there is no room, the repository can't be read, a file in it is damaged, or WAL is
        missing before the moment.
    """

    def __init__(
        self,
        settings: Settings,
        to: Moment = moments.LATEST,
        databases: Sequence[str] = (),
        target: int = 1,
        size: int | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.to, self.databases, self.target, self.size = settings, to, list(databases), target, size
        self.backup: Backup | None = None
        """The backup that it was made of."""
        self.repository: Repository | None = None
        self.recovered = Recovered()
        self.restore_seconds = self.recovery_seconds = 0.0
        self._server: Server | None = None

    def __enter__(self) -> Scratch:
        scratch_place.sweep()
        try:
            self.repository = self._repository()
            self._refuse_without_room(self.repository)
            self.number, self._lock = scratch_place.claim()
            self._make(self.repository)
        except BaseException:
            self.remove()
            raise
        return self

    @property
    def server(self) -> Server:
        """The server that runs on it. Raises BackupError outside of `with`."""
        if self._server is None:
            raise BackupError("the scratch cluster is not running")
        return self._server

    def sql(self, database: str, text: str, seconds: float | None = None, user: str = "") -> str:
        """Return what psql prints of SQL in DATABASE: values alone, columns divided by `|`. Raises BackupError.

        :param seconds: the longest a statement may take; None is no limit.
        :param user: the role of an app, for what the app has made: a view of it runs what the app wants. "" is the superuser.
        """
        first = [] if user else ["SET search_path = pg_catalog"]
        first += [f"SET statement_timeout = {int(seconds * 1000)}"] if seconds else []
        argv = [
            *self.server.client("psql", user),
            "-X",
            "-q",
            "-A",
            "-t",
            "-w",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
        ]
        try:
            return run([*argv, *(word for one in first for word in ("-c", one)), "-f", "-"], stdin=text, user=SUPERUSER)
        except PostgresError as error:
            raise BackupError(f"the scratch cluster refused: {error}") from None

    def dump(self, database: str, path: Path, options: Sequence[str] = ()) -> None:
        """Write DATABASE to a new file of the caller's, for `pg_restore` (custom format). Raises BackupError.

        :param options: further ones of pg_dump.
        """
        argv = [*self.server.client("pg_dump"), "--format=custom", "--no-password", *options, "--dbname", database]
        with path.open("xb") as out:
            os.fchmod(out.fileno(), 0o600)
            done = subprocess.run(
                argv, stdout=out, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, cwd="/",
                env={"PATH": PATH, "LC_ALL": "C.UTF-8"}, **as_user(SUPERUSER),
            )  # fmt: skip
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise BackupError(f"the database {database} can't be dumped from the scratch cluster: {said}")

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each database that can be entered, by name."""
        said = self.sql("postgres", SIZES)
        found = dict(line.rsplit("|", 1) for line in said.splitlines())
        return {name: int(size) for name, size in found.items() if not self.databases or name in self.databases}

    def names(self) -> list[str]:
        """Return the databases that are wanted and there."""
        return sorted(self.sizes())

    def remove(self) -> None:
        """Stop it, and remove its files."""
        self._server = None
        super().remove()

    def _repository(self) -> Repository:
        found = PgBackRest(self.settings).repository(self.target)
        if found.problem:
            raise BackupError(f"{self.settings.targets[self.target - 1].name}: {found.problem}")
        return found

    def _refuse_without_room(self, repository: Repository) -> None:
        """Refuse before anything is written. Raises BackupError."""
        newest = repository.before(self.to.when)
        if newest is None:
            return  # the restore says why
        needed = int((newest.size if self.size is None else min(self.size, newest.size)) * GROWTH)
        scratch_place.room("a scratch cluster", needed)

    def _make(self, repository: Repository) -> None:
        """Restore, recover, and start it."""
        owner = pwd.getpwnam(SUPERUSER)
        data = self.folder / "data"
        for path in (self.folder, data):
            path.mkdir(mode=0o700)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        began = time.monotonic()
        # Locks of its own: another restore of the same host may be under way.
        options = [f"--tablespace-map-all={self.folder}/tablespaces", f"--lock-path={self.folder}/lock"]
        try:
            self.backup = PgBackRest(self.settings).restore(data, self.to, self.databases, self.target, options)
        except BackupError as error:
            newest = repository.before(self.to.when)
            raise BackupError(f"backup {newest.label}: {error}" if newest else str(error)) from None
        self.restore_seconds = time.monotonic() - began
        version = self.backup.version or repository.version
        server = Server(self.folder, self.number, version, [app.user for app in self.settings.apps])
        server.configure()
        began = time.monotonic()
        is_local = self.settings.targets[self.target - 1].kind == "path"
        self.recovered = server.recover(
            RECOVERY_SECONDS, network=not is_local, some=bool(self.databases), or_end=self.to.time is not None
        )
        self._check_reached()
        server.serve()
        self.recovery_seconds = time.monotonic() - began
        self._server = server
        self._check_pages(server.lacking())

    def _check_pages(self, lacking: Mapping[int, int]) -> None:
        """Only databases that are not wanted may lack pages. Raises BackupError."""
        if not lacking:
            return
        for name, number in self._databases():
            if name in (*self.databases, *OWN) and lacking.get(number):
                raise BackupError(
                    f"the backup is missing {lacking[number]} pages of the database {name} that WAL changes"
                )

    def _databases(self) -> list[tuple[str, int]]:
        said = self.sql("postgres", "SELECT datname, oid FROM pg_database")
        return [(name, int(number)) for name, _, number in (line.rpartition("|") for line in said.splitlines())]

    def _is_of_a_former_version(self) -> bool:
        """Tell whether the cluster was upgraded after the backup: its WAL ends there."""
        return bool(self.backup and self.repository and self.backup.version not in ("", self.repository.version))

    def _check_reached(self) -> None:
        """A recovery to the latest ends where WAL ends, and PostgreSQL doesn't say when that is too early. Raises BackupError."""
        newest = self.repository.wal[1] if self.repository else ""
        is_to_end = self.to.is_latest or self.recovered.is_short
        if not is_to_end or not newest or not self.recovered.lsn or self._is_of_a_former_version():
            return
        missing = recovery.missing_segment(self.recovered, newest)
        if not missing or not self.repository:
            return
        there = any(one.startswith(missing) for one in PgBackRest(self.settings).segments(self.repository, missing))
        raise BackupError(
            f"{self.settings.targets[self.target - 1].name}: the WAL segment {missing} is {'damaged' if there else 'missing'}: "
            f"later changes can't be restored: recovery ended {self.recovered.told}, though WAL is there up to "
            f"{newest}; make a new backup now (`ansible-playbook playbooks/backup.yml -e full=true`)"
        )


OWN = ("postgres", "template0", "template1")
"""Databases of the cluster's own, which are always restored."""
SIZES = "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datallowconn AND datname !~ '^template[01]$' ORDER BY 1"
