# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump that somebody brings goes into a database of the host's MariaDB, read and loaded with the app's rights.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    mariadb,
    mariadb_load,
    mariadb_objects,
    mariadb_swap,
    mariadb_tables,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._backup.mariadb_load import Loaded
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.dump_text import TextError
from ansible_collections.slipway.flask.plugins.module_utils._transfer import child, places
from ansible_collections.slipway.flask.plugins.module_utils._transfer.source import Source, damage, opened
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError


def look(database: str, user: str, octets: int) -> list[str]:
    """Return what would be replaced in DATABASE. Raises DumpError and BackupError where nothing can be put there."""
    if not mariadb_tables.is_there(database):
        raise DumpError(f"there is no database {database} on this host: run site.yml first")
    if said := mariadb_objects.refused(database, user):
        raise DumpError(said)
    places.need(mariadb_load.folder(), octets, "the database")
    return [f"the database {database} has rows"] if has_rows(database, user) else []


def has_rows(database: str, user: str) -> bool:
    """Tell whether any table of the app's has a row; Alembic's own is no data. Raises BackupError.

    It asks with the app's rights: a table may be a view by the time it is read, and run what the app wants.
    """
    tables = [name for name in mariadb_tables.tables_of(database) if not name.startswith("alembic")]
    each = [f"EXISTS (SELECT 1 FROM {names.identifier(table)})" for table in tables]
    return bool(each) and mariadb_tables.sql(f"SELECT {' OR '.join(each)};", database, user) == [["1"]]


class Target:
    """The new database of an import, as its JOURNAL has it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def fill(self, source: Source, tell: Callable[[str], None]) -> tuple[dict[str, int], list[str]]:
        """Make and load it; return what was left out, and notes. Raises DumpError and BackupError."""
        database, user, aside = self.journal.new, self.journal.user, self.journal.objects
        mariadb.make(self.journal.mariadb, database)
        known, room = mariadb_load.collations(), mariadb_load.folder()

        def look(told: Any) -> None:
            if isinstance(told, int):
                tell(f"import: {told >> 20} MB read")

        with mariadb_load.loader(database) as login, mariadb.new_file(aside) as kept, source.path.open("rb") as file:

            def work(say: child.Tell) -> dict[str, Any]:
                try:
                    with damage(), opened(file, source.compressed) as text:
                        done = mariadb_load.feed(text, database, login, known, "", kept, room, say)
                    kept.flush()
                except (TextError, BackupError) as error:
                    raise DumpError(str(error)) from None
                return vars(done)

            loaded = Loaded(**child.run(user, work, look))
        notes = [f"the collation {old} became {one}" for old, one in loaded.collations.items()]
        return loaded.left_out, notes

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the app in, whose migrations may change views and triggers too. Raises BackupError."""
        database, user, aside = self.journal.new, self.journal.user, self.journal.objects
        with mariadb_load.opened_to(database, user):
            if problems := mariadb_swap.place(database, aside, user):
                raise DumpError(problems[0])
            yield
            mariadb_objects.save(database, user, aside)

    def counts(self) -> tuple[int, int]:
        """Return how many tables it has, and its octets. Raises DumpError when there is none."""
        tables = len(mariadb_tables.tables_of(self.journal.new))
        if not tables:
            raise DumpError("there is no table in it")
        return tables, mariadb_tables.size(self.journal.new)
