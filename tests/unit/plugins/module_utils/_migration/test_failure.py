# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is said of a migration that failed: where, why, and what to do."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._migration.failure import error_of, failure, revision_of
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Pending
from ansible_collections.slipway.flask.plugins.module_utils._migration.run import Ran
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Migrations

PENDING = [Pending("0005", "Drop the price"), Pending("0006")]
TIMEOUTS = Migrations(lock_timeout_seconds=5, statement_timeout_seconds=60)


@pytest.mark.parametrize(
    ("output", "after", "told"),
    [
        ("INFO  [alembic] Running upgrade 0004 -> 0005, Drop the price\nboom", ["0004"], "0005 (Drop the price)"),
        (
            '{"message": "Running upgrade 0004 -> 0005, D"}\n{"message": "Running upgrade 0005 -> 0006"}',
            ["0005"],
            "0006",
        ),
        ("Running upgrade  -> 0005", [], "0005 (Drop the price)"),
        ("Running upgrade 0004 -> 0005", ["0005"], ""),
        ("boom", ["0004"], ""),
    ],
)
def test_the_revision_that_failed_is_the_last_one_begun(output: str, after: list[str], told: str) -> None:
    assert revision_of(output, PENDING, after) == told


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("Traceback:\nsqlalchemy.exc.InternalError: (psycopg.errors.X) no\n[SQL: DROP]\n(Background …)",
         "sqlalchemy.exc.InternalError: (psycopg.errors.X) no"),
        ("RuntimeError: the tide is out\n", "RuntimeError: the tide is out"),
        ("INFO: all is well\nDETAIL:  Key (a)=(1)", ""),
    ],
)  # fmt: skip
def test_the_database_s_error_is_found_in_the_output(output: str, told: str) -> None:
    assert error_of(output) == told


@pytest.mark.parametrize(
    ("ran", "output", "said"),
    [
        (Ran(1, True, "command", ["0004"], ["0004"]), "x.Error: canceling statement due to lock timeout",
         ["failed with status 1", "x.Error: canceling", "gave up after 5 s", "The database is at 0004, as before"]),
        (Ran(1, True, "command", ["0004"], ["0005"]), "canceling statement due to statement timeout",
         ["longer than 60 s", "at 0005, it was at 0004: a part of it was applied and stays"]),
        (Ran(1, True, "command", [], None), "unsupported startup parameter: options", ["pooler", "database_owner_url"]),
        (Ran(1, False, "moved", ["0006"], ["0006"]), "", ["at 0006 now", "Deploy again"]),
        (Ran(2, False, "dump", ["0004"], ["0004"]), "", ["nothing was migrated", "migrations_dump: false"]),
        (Ran(1, True, "command", ["4"], ["4"], holders=((7, "shop", "psql", "idle in transaction", "10.0.0.5", 12),)), "",
         ['process 7 of the database server (role shop, application "psql", from 10.0.0.5, idle in transaction for 12 s)']),
    ],
)  # fmt: skip
def test_a_failure_is_told_with_what_to_do(ran: Ran, output: str, said: list[str]) -> None:
    told = failure("flask db upgrade", ran, output, PENDING, TIMEOUTS)
    assert [text for text in said if text not in told] == [], told


HALF = """INFO  [alembic] Running upgrade 0004 -> 0005, Drop the price
sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) (1205, 'Lock wait timeout exceeded; try restarting transaction')
[SQL: ALTER TABLE prices
  DROP COLUMN old]
(Background on this error)"""


def test_a_database_that_undoes_nothing_is_said_to_be_half_way_and_where() -> None:
    ran = Ran(1, True, "command", ["0004"], ["0004"])
    text = failure("`flask db upgrade`", ran, HALF, PENDING, TIMEOUTS, "MySQL")
    assert "gave up after 5 s" in text
    assert "MySQL does not undo a migration that fails half-way: alembic_version is at 0004" in text
    assert "ALTER TABLE prices DROP COLUMN old\n" in text
    assert "as before" not in text


def test_where_it_is_half_way_is_told_also_when_it_can_not_be_asked() -> None:
    text = failure("`flask db upgrade`", Ran(1, True, "command", ["0004"], None), "boom", PENDING, TIMEOUTS, "MySQL")
    assert "the present alembic_version is unknown; it was at 0004" in text
