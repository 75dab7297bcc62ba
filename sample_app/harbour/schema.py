# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which migrations the code knows, and which of them the database has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from .extensions import db

DIRECTORY = Path(__file__).resolve().parent.parent / "migrations"


@dataclass(frozen=True)
class KnownRevisions:
    """The migrations in the code: the newest, and all of them."""

    head: str
    all: frozenset[str]

    def compare(self, revision: str | None) -> str:
        """Say how a database at ``revision`` stands to this code: ``current``, ``behind`` or ``ahead``.

        A revision that the code has never heard of is a newer release's. That is no fault: while one release
        takes over from another, and after a rollback, the older code runs on the newer schema.
        """
        if revision == self.head:
            return "current"
        return "behind" if revision is None or revision in self.all else "ahead"


def init_app(app: Flask) -> None:
    """Read the migrations once, at start. They are files: no database is needed."""
    script = ScriptDirectory(str(DIRECTORY))
    head = script.get_current_head()
    if head is None:
        raise RuntimeError(f"{DIRECTORY} has no migration")
    revisions = frozenset(revision.revision for revision in script.walk_revisions())
    app.extensions["harbour_revisions"] = KnownRevisions(head, revisions)


def known_revisions() -> KnownRevisions:
    known: KnownRevisions = current_app.extensions["harbour_revisions"]
    return known


def database_revision(connection: Connection | None = None) -> str | None:
    """The revision that the database is at, or None where it was never migrated."""
    try:
        executor = connection or db.session
        revision: str | None = executor.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return None
    return revision
