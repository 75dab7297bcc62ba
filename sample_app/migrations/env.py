# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How Alembic reaches the application's database (it runs inside ``flask db ...``)."""

from __future__ import annotations

import logging

from alembic import context
from flask import current_app

extension = current_app.extensions["migrate"]
database = extension.db
metadata = database.metadata

LOCK_TIMEOUT = "5s"  # a migration that cannot have its lock fails, rather than hold up the visitors queued behind it
ADVISORY_LOCK = 0x48415242  # "HARB": of two upgrades at once, the second waits and then finds nothing left to do

logging.getLogger("alembic").setLevel(logging.INFO)
logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def run_offline() -> None:
    """Print the SQL (``flask db upgrade --sql``)."""
    context.configure(
        dialect_name=database.engine.dialect.name, target_metadata=metadata, literal_binds=True, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Migrate, in one transaction."""
    with database.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, **extension.configure_args)
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
