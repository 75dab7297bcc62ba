# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app must not do behind the pooler that its host has for it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names

PREPARES = (
    "the app's driver prepares statements (psycopg 3 does after five executions), and this host's PgBouncer, older than 1.21, "
    "mixes them up between clients: visitors would get 'prepared statement \"_pg3_0\" already exists'. Set `connect_args` "
    "{'prepare_threshold': None} in the app's engine options (SQLALCHEMY_ENGINE_OPTIONS), or use a host with Debian "
    "13. Nothing was changed. See docs/databases.md"
)


def refused(app: str, prepares: bool) -> str:
    """Return why APP can't be behind its pooler, "" when it can. PREPARES: its driver prepares statements by itself."""
    try:
        settings = Path(names.config(app)).read_text()
    except OSError:
        return ""
    return PREPARES if prepares and "\nmax_prepared_statements = " not in settings else ""
