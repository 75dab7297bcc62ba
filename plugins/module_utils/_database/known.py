# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The kinds of databases that are known, by SQLAlchemy's name and by an app's URL.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._database import base
from ansible_collections.slipway.flask.plugins.module_utils._database.base import Dialect
from ansible_collections.slipway.flask.plugins.module_utils._database.mysql import Mysql
from ansible_collections.slipway.flask.plugins.module_utils._database.postgresql import Postgresql
from ansible_collections.slipway.flask.plugins.module_utils._database.sqlite import Sqlite

KNOWN = (Postgresql(), Sqlite(), Mysql())
SCHEMES = {"postgres": "postgresql", "mariadb": "mysql"}
"""Other names that a URL begins with -> SQLAlchemy's."""
SCRIPT = base.SCRIPT + "".join(dialect.script for dialect in KNOWN)
"""Their halves inside of the app. Needs `ask` (see guard.py)."""


def named(name: str) -> Dialect:
    """Return the dialect that SQLAlchemy calls NAME."""
    return next((dialect for dialect in KNOWN if dialect.name == name), Dialect())


def of(url: str) -> Dialect:
    """Return the dialect of a database's URL (`postgresql+psycopg://…`); that of a text that is none knows nothing."""
    scheme = url.partition("://")[0] if "://" in url else ""
    name = scheme.partition("+")[0].lower()
    found = named(SCHEMES.get(name, name))
    if not found.name:
        found.name = name
    return found
