# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An export on its host: what there is, and the process that writes it for the controller, which goes on beside its calls.

The database is read first, as of one moment, and the folders after it: so each file that a row names is there, unless somebody
has removed it since. A file without its row does no harm.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import sqlite
from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._postgres import check
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, as_user
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import DatabaseUrl, parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, redact
from ansible_collections.slipway.flask.plugins.module_utils._transfer import kinds, outgoing, places, spool
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

PROGRAMS = Path("/usr/lib/postgresql")
CONNECT_SECONDS = 10
SIZE = "SELECT pg_database_size(current_database())"


@dataclass
class Export:
    """What an app has: FOLDERS by the name that their files get, the database at URL ("" for none)."""

    app: str
    user: str
    stamp: str
    url: str = ""
    folders: Mapping[str, str] = field(default_factory=dict)

    def look(self) -> Found:
        """Return what there is to export. Raises DumpError when some of it can't be."""
        found = Found()
        if self.url:
            found.dump = f"{self.app}-{self.stamp}.dump"
            found.octets += self._database()
        for name, path in self.folders.items():
            if not os.path.isdir(path):
                continue
            tree = sqlite.look([path], self.user)
            found.tars[f"{self.app}-{name}-{self.stamp}.tar"] = path
            found.octets += tree.size + 1024 * tree.files
            found.files += tree.files
            found.copies = max(found.copies, *tree.databases.values(), 0)
        if not found.dump and not found.tars:
            raise DumpError(f"{self.app} has neither a database nor folders that could be exported")
        places.need(places.FOLDER, found.copies + spool.PIECE * (spool.AHEAD + 1), "an export")
        return found

    def _database(self) -> int:
        """Return the size of the database. Raises DumpError where it can't be dumped."""
        dialect = known.of(self.url)
        if dialect.name != "postgresql":
            title = dialect.title or dialect.name or "of an unknown kind"
            raise DumpError(f"the database is {title}, of which an export is not made: dump it with its own tool")
        program = pg_dump()
        try:
            tried = check.attempt(str(Path(program).with_name("psql")), self._parsed, self.user, CONNECT_SECONDS)
        except PostgresError as error:
            raise DumpError(f"{error}: run site.yml first") from None
        if tried.kind:
            raise DumpError(f"the database can't be reached: {tried.message}")
        server, mine = int(tried.facts["server_version_num"]) // 10000, kinds.major(Path(program).parent.parent.name)
        if mine < server:
            raise DumpError(
                f"pg_dump is of version {mine}, the server of {server}: install postgresql-client-{server} (`system_packages`)"
            )
        return self._size(program)

    def _size(self, program: str) -> int:
        done = subprocess.run(
            [str(Path(program).with_name("psql")), "-X", "-q", "-A", "-t", "-w", "-c", SIZE], text=True, cwd="/",
            env=self.environment(), capture_output=True, check=False, stdin=subprocess.DEVNULL, **as_user(self.user),
        )  # fmt: skip
        if done.returncode:
            raise DumpError(
                f"the database can't be asked for its size: {redact(done.stderr.strip(), self._parsed.password)}"
            )
        return int(done.stdout.strip() or 0)

    @property
    def _parsed(self) -> DatabaseUrl:
        try:
            return parse_url(self.url)
        except UrlError as error:
            raise DumpError(f"the database's URL {error}") from None

    def environment(self) -> dict[str, str]:
        """Return libpq's variables; the password stands in no argument."""
        return {"PATH": "/usr/bin:/bin", "PGAPPNAME": "slipway-export", **self._parsed.environment()}

    def write(self, found: Found, into: spool.Spool, copies: Path) -> None:
        """Write all of it. Raises DumpError, and spool.GoneError when nobody fetches it."""
        if found.dump:
            item = into.begin(found.dump)
            try:
                outgoing.dump(pg_dump(), self.environment(), self.user, item.write)
            except DumpError as error:
                raise DumpError(redact(str(error), self._parsed.password)) from None
            item.finish()
        for name, path in found.tars.items():
            item = into.begin(name)
            into.state.notes += outgoing.pack(Path(path), self.user, copies, item.write)
            item.finish()


@dataclass
class Found:
    """What there is: the name of the dump ("" for none), tars with the folder of each, and about how many octets."""

    dump: str = ""
    tars: dict[str, str] = field(default_factory=dict)
    files: int = 0
    octets: int = 0
    copies: int = 0
    """Octets of the largest SQLite database: so much is on the host's disk for a while."""


def pg_dump() -> str:
    """Return the newest pg_dump: it reads all older servers. Raises DumpError for none."""
    found = sorted(PROGRAMS.glob("*/bin/pg_dump"), key=lambda path: kinds.major(path.parent.parent.name))
    if not found:
        raise DumpError("the host has no pg_dump: run site.yml first")
    return str(found[-1])


def begin(export: Export, owner: str) -> dict[str, object]:
    """Begin to write EXPORT for the user whom the path OWNER belongs to, and return where and what. Raises DumpError."""
    found = export.look()
    folder = places.make(owner)
    into = spool.Spool(folder)
    _beside(lambda: _run(export, found, into))
    return {"folder": str(folder), "found": asdict(found)}


def _run(export: Export, found: Found, into: spool.Spool) -> None:
    copies = places.FOLDER / f"{into.folder.name}.copies"
    copies.mkdir(mode=0o700)
    account = as_user(export.user)
    if account:
        os.chown(copies, account["user"], account["group"])
    error = ""
    try:
        export.write(found, into, copies)
    except (DumpError, PostgresError, OSError) as failure:
        error = str(failure)
    except spool.GoneError:
        pass
    finally:
        try:
            copies.rmdir()
        finally:
            into.end(error)


def _beside(work: Callable[[], None]) -> None:
    """Do WORK in a process that outlives this one and holds nothing of it: its caller waits for no output of it."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            return
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(null, handle)
        os.closerange(3, 4096)
        work()
    finally:
        os._exit(0)
