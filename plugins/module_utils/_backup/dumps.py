# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Dumps of an app's database, wherever it is: PostgreSQL's by pg_dump, MySQL's and MariaDB's by mariadb-dump.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.slipway.flask.plugins.module_utils._backup import outside, points
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData
from ansible_collections.slipway.flask.plugins.module_utils._database import known, mysql
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._postgres import check
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, as_user
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import DatabaseUrl, parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, redact

PROGRAMS = Path("/usr/lib/postgresql")
CONNECT_SECONDS, SIZE_SECONDS = 10, 60
SIZE = "SELECT pg_database_size(current_database())"
BLOCK = 1 << 20
SAID = 4096
"""How much of what a program said last is read."""
KEPT = Path("/var/backups/slipway")
"""Where dumps are for a person, as those that a release makes before a migration."""
FLOOR_MB = 256
FOLDER = "dump"
"""Where it is in what is staged of an app."""


@dataclass(frozen=True)
class Database:
    """The database that URL leads to, as the system user USER reaches it."""

    url: str = field(repr=False)
    user: str = ""

    def check(self) -> int:
        """Return its size in octets, 0 for one that isn't asked. Raises BackupError where it can't be dumped, and why."""
        dialect = known.of(self.url)
        if dialect.name == "mysql":
            problem = self._mysql.problem({})
            if problem:
                raise BackupError(problem)
            return 0
        if dialect.name != "postgresql":
            raise BackupError(f"the database is {dialect.name or 'of an unknown kind'}, which can't be dumped")
        program = pg_dump()
        try:
            tried = check.attempt(str(program.with_name("psql")), self._parsed, self.user, CONNECT_SECONDS)
        except PostgresError as error:
            raise BackupError(f"{error}: run site.yml first") from None
        if tried.kind:
            raise BackupError(f"the database can't be reached: {tried.message}")
        server, mine = int(tried.facts["server_version_num"]) // 10000, version(program)
        if mine < server:
            raise BackupError(
                f"pg_dump is version {mine}, the server is {server}: install postgresql-client-{server} (`system_packages`)"
            )
        done = self._run([str(program.with_name("psql")), "-X", "-q", "-A", "-t", "-w", "-c", SIZE])
        return int(done.strip() or 0)

    def dump(self, put: Callable[[bytes], Any]) -> None:
        """Give a dump of it to PUT: in pg_dump's own format, or as SQL that names no database. Raises BackupError."""
        command = (
            [str(pg_dump()), "--format=custom", "--no-password", "--lock-wait-timeout=60s"]
            if not self.is_mysql
            else mysql.dumping(self._mysql.url, anywhere=True)
        )
        # What it says goes into a file: a server may say more than a pipe holds, and nobody reads that one meanwhile.
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd="/", env=self._environment,
                **self._as,
            ) as process:  # fmt: skip
                try:
                    while block := cast(IO[bytes], process.stdout).read(BLOCK):
                        put(block)
                except BaseException:
                    process.kill()
                    raise
            errors.seek(0)
            whole = self.is_mysql and mysql.is_whole(process.returncode, errors.read(mysql.MOST_SAID))
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - SAID))
            said = errors.read().decode("utf-8", "replace").strip()
        if process.returncode and not whole:
            secret = known.of(self.url).secret(self.url)
            raise BackupError(f"{Path(command[0]).name} failed: {secret(said[-600:])}")

    @property
    def is_mysql(self) -> bool:
        return known.of(self.url).name == "mysql"

    @property
    def ending(self) -> str:
        """What the name of its dump ends with."""
        return ".sql" if self.is_mysql else ".dump"

    @property
    def _mysql(self) -> mysql.Dump:
        found = mysql.Mysql().dump(self.url)
        if found is None:
            raise BackupError("the database's URL can't be read, or names no database")
        return found

    def _run(self, command: list[str]) -> str:
        try:
            done: subprocess.CompletedProcess[str] = subprocess.run(
                command, text=True, errors="replace", cwd="/", env=self._environment, capture_output=True, check=False,
                stdin=subprocess.DEVNULL, timeout=SIZE_SECONDS, **self._as,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise BackupError(f"the database did not report its size within {SIZE_SECONDS} s") from None
        if done.returncode:
            said = redact(done.stderr.strip()[-600:], self._parsed.password)
            raise BackupError(f"the size of the database can't be determined: {said}")
        return done.stdout

    @property
    def _as(self) -> dict[str, Any]:
        return as_user(self.user) if self.user else {}

    @property
    def _parsed(self) -> DatabaseUrl:
        try:
            return parse_url(self.url)
        except UrlError as error:
            raise BackupError(f"the database's URL {error}") from None

    @property
    def _environment(self) -> dict[str, str]:
        """The tools' variables: the password stands in no argument, and nothing of the caller's comes through."""
        own = self._mysql.environment() if self.is_mysql else self._parsed.environment()
        return {
            "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "PGPASSFILE": "/nonexistent",
            "PGAPPNAME": "slipway-dump", **own,
        }  # fmt: skip


def pg_dump() -> Path:
    """Return the newest pg_dump, which reads all older servers: not Debian's wrapper, which goes by a server on the host."""
    found = sorted(PROGRAMS.glob("*/bin/pg_dump"), key=version)
    if not found:
        raise BackupError("pg_dump is not installed on the host: run site.yml first")
    return found[-1]


def version(program: Path) -> int:
    """Return the major version of a PROGRAM in its folder, /usr/lib/postgresql/17/bin for example."""
    number = re.match(r"\d+", program.parent.parent.name)
    return int(number[0]) if number else 0


def of(app: AppData) -> Database:
    """Return the database of APP, by the URL in its settings. Raises BackupError for none."""
    try:
        settings = environment_file.environment_of((Path(app.settings) / environment_file.NAME).read_text())
    except OSError as error:
        raise BackupError(f"the database's URL can't be read: {error.strerror} ({error.filename})") from None
    if not settings.get(app.variable):
        raise BackupError(f"the app's environment has no {app.variable}, so its database can't be dumped")
    return Database(settings[app.variable], app.user)


def stage(app: AppData, folder: Path) -> int:
    """Write a dump of APP's database into what is staged of it in FOLDER, and return its octets.

    :raises BackupError: when it can't be made; there is none then.
    """
    database = of(app)
    room(
        folder, outside.call(_check, database.url, database.user, user=database.user)
    )  # a dump is compressed and has no indexes: smaller than the database in practice
    target = staged(folder, app.name, database.ending)
    target.parent.mkdir(mode=0o700)
    try:
        with target.open("xb") as file:
            outside.stream(_dump, database.url, database.user, put=file.write, user=database.user)
    except (BackupError, OSError):
        target.unlink(missing_ok=True)
        raise
    return target.stat().st_size


def _check(url: str, user: str) -> int:
    return Database(url, user).check()


def _dump(url: str, user: str, put: Callable[[bytes], Any]) -> None:
    Database(url, user).dump(put)


def staged(folder: Path, app: str, ending: str = ".dump") -> Path:
    """Return where the dump of an APP is in what is staged of it in FOLDER; its name has this ENDING."""
    return folder / FOLDER / f"{app}{ending}"


def room(place: Path, octets: int) -> None:
    """Raise BackupError when OCTETS more at PLACE would leave less than FLOOR_MB free."""
    free = shutil.disk_usage(place).free
    if free < octets + (FLOOR_MB << 20):
        raise BackupError(
            f"a dump of the database may take {octets >> 20} MB in {place}, where {free >> 20} MB are free: free some space"
        )


def bring(restic: Restic, snapshot: str, app: AppData, point: str) -> str:
    """Fetch the dump that a SNAPSHOT has of APP's database elsewhere; return what there is to tell of it, "" for none.

    It is not loaded: only its owner can say what becomes of a database that others may use as well.

    :raises BackupError: when it can't be fetched.
    """
    database = of(app)
    source = staged(points.staged(app.name), app.name, database.ending)
    target = KEPT / app.name / f"{point}{database.ending}"
    target.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".dump-", dir=target.parent) as work:
        restic.restore(snapshot, Path(work), [source])
        found = Path(f"{work}{source}")
        if not found.is_file():
            return ""
        found.chmod(0o600)
        found.replace(target)
    tool = known.of(database.url).dump(database.url)
    how = f"; to load it: {tool.restore(target, app.user)}" if tool else ""
    return f"the external database was not changed; its dump is in {target}{how}"
