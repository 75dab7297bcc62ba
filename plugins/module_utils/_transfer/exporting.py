# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An export on its host: what there is, and the process that writes it for the controller, which goes on beside its calls.

The database is read first, as of one moment, and the folders after it: so each file that a row names is there, unless somebody
has removed it since. A file without its row does no harm.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import dumps, sqlite
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, as_user
from ansible_collections.slipway.flask.plugins.module_utils._transfer import outgoing, places, spool
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError


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
            found.dump = f"{self.app}-{self.stamp}{dumps.Database(self.url).ending}"
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
            raise DumpError(f"{self.app} has neither a database nor folders to export")
        places.need(places.FOLDER, found.copies + spool.PIECE * (spool.AHEAD + 1), "an export")
        return found

    def _database(self) -> int:
        """Return the size of the database. Raises DumpError where it can't be dumped."""
        try:
            return dumps.Database(self.url, self.user).check()
        except BackupError as error:
            raise DumpError(str(error)) from None

    def write(self, found: Found, into: spool.Spool, copies: Path) -> None:
        """Write all of it. Raises DumpError, and spool.GoneError when nobody fetches it."""
        if found.dump:
            item = into.begin(found.dump)
            try:
                dumps.Database(self.url, self.user).dump(item.write)
            except BackupError as error:
                raise DumpError(str(error)) from None
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
        with places.held(into.folder), places.held(copies):
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
