# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A database that is the provider's (`database: url`): no second one can be made beside it, so a dump is one transaction in it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import dumps
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords
from ansible_collections.slipway.flask.plugins.module_utils._postgres.libpq import Connection, ServerError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import redact
from ansible_collections.slipway.flask.plugins.module_utils._transfer import beside, child, load
from ansible_collections.slipway.flask.plugins.module_utils._transfer.reading import Reading
from ansible_collections.slipway.flask.plugins.module_utils._transfer.source import Source
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

SESSION = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=60s"


@dataclass(frozen=True)
class Elsewhere:
    """The database at URL, as the system user USER reaches it."""

    url: str = field(repr=False)
    user: str

    def check(self) -> None:
        """Raise DumpError for one that can't be reached, or is not PostgreSQL."""
        try:
            dumps.Database(self.url, self.user).check()
        except BackupError as error:
            raise DumpError(str(error)) from None

    def refused(self, app: str, replace: bool) -> str:
        """Return why a dump of APP can't come in the place of what is there, "" if it can. Raises DumpError.

        :param replace: whether the user wants that. A provider's may have no other copy; one on a host of the inventory is in the
            backups of that host.
        """
        if not self.has_rows():
            return ""
        if not self.is_ours:
            return (
                f"{app}'s database has rows, and it is an external one (`database: url`), next to which no "
                "second one can be created: empty it, or create a new one there and first deploy with its `database_url`"
            )
        if replace:
            return ""
        return (
            f"{app}'s database, which is on another host, has rows. With -e replace=true the import replaces all of it, in one "
            "transaction; no copy is kept, so export it first"
        )

    @property
    def is_ours(self) -> bool:
        """Whether it is on a database host of the inventory, whose passwords Slipway hands over."""
        return parse_url(self.url).parameters.get("passfile", "").startswith(f"{passwords.FOLDER}/")

    def has_rows(self) -> bool:
        """Tell whether any table of the app's has a row. Raises DumpError."""
        return bool(child.run(self.user, lambda tell: int(self._value(beside.ROWS) or 0) > 0))

    def counts(self) -> dict[str, int]:
        """Return how many tables it has, and its size in bytes. Raises DumpError."""
        found: dict[str, int] = json.loads(child.run(self.user, lambda tell: self._value(beside.COUNTS)))
        return found

    def fill(
        self, source: Source, unit: str, heads: Collection[str] | None, tell: Callable[[str], None]
    ) -> dict[str, int]:
        """Put the dump in the place of what is there; return what was left out. Raises DumpError; nothing has changed then."""
        reading = Reading(source, unit)

        def work(say: child.Tell) -> dict[str, int]:
            with reading.text() as text:
                return load.load_whole(text, self._parameters, source.kind == "plain", say, heads)

        def look(told: Any) -> None:
            if isinstance(told, int):
                tell(f"import: {told >> 20} MB read")

        done: dict[str, int] = beside.checked(reading, self.user, work, look)
        return done

    def _value(self, sql: str) -> str:
        try:
            with Connection(self._parameters) as session:
                return session.value(sql)
        except ServerError as error:
            raise DumpError(
                f"the database can't be asked: {redact(str(error), parse_url(self.url).password)}"
            ) from None

    @property
    def _parameters(self) -> dict[str, str]:
        """libpq's parameters; nothing of this process's own environment or home."""
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
        os.environ["HOME"] = "/nonexistent"  # with TLS, libpq looks there for a certificate of the user's
        given = parse_url(self.url).parameters
        return {
            "passfile": "/nonexistent", "connect_timeout": "15", "application_name": "slipway-import", **given,
            "client_encoding": "UTF8", "options": f"{given.get('options', '')} {SESSION}".strip(),
        }  # fmt: skip
