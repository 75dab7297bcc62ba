# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of an app's database."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import queries

FACTS: dict[str, Any] = {
    "database": "shop", "version": "17.12 (Debian 17.12-0+deb13u1)", "size": 39 * 2**20, "hit": 995, "read": 5,
    "since": None, "connections": 2, "autovacuum": True, "age": 1000, "freeze_age": 200_000_000, "sees_all": True,
}  # fmt: skip
STATEMENT = {
    "calls": 13,
    "total": 270.4,
    "mean": 20.81,
    "rows": 13,
    "query": "SELECT count(*) FROM orders WHERE state = $1",
}
FOUND: dict[str, Any] = {
    "app": "shop", "said": "", "facts": FACTS, "reset": False, "unseen": [],
    "statements": {"since": "2026-11-26T12:46:01Z", "everything": 540.8, "total": [STATEMENT], "mean": [STATEMENT],
                   "calls": [STATEMENT]},
    "scans": [], "indexes": [], "bloat": [], "transactions": [], "locks": [], "vacuum": [],
}  # fmt: skip
WAIT = {"pid": 7, "seconds": 11, "query": "UPDATE a SET b = ?", "mode": "ShareLock", "name": "a", "by": 4, "by_role": "shop",
        "by_state": "idle in transaction", "by_seconds": 130, "by_query": "SELECT ?"}  # fmt: skip
QUIET = """\
shop on web1: database shop, PostgreSQL 17.12, 39 MB, 2 other connections
Cache: 99.5% of the pages that were read came from shared_buffers
Most time in all since 2026-11-26 12:46 UTC:
  TOTAL   SHARE  MEAN     CALLS  ROWS  STATEMENT
  270 ms  50%    20.8 ms  13     13    SELECT count(*) FROM orders WHERE state = $1
Most time each:
  TOTAL   SHARE  MEAN     CALLS  ROWS  STATEMENT
  270 ms  50%    20.8 ms  13     13    SELECT count(*) FROM orders WHERE state = $1
Most calls:
  TOTAL   SHARE  MEAN     CALLS  ROWS  STATEMENT
  270 ms  50%    20.8 ms  13     13    SELECT count(*) FROM orders WHERE state = $1
Transactions: none is open
Locks: nobody waits
Autovacuum: nothing to do"""


def test_a_quiet_database_takes_few_lines() -> None:
    assert queries.report("web1", FOUND, 100) == QUIET


def test_an_app_without_one_takes_one() -> None:
    assert queries.report("web1", {"app": "wiki", "said": "it has no PostgreSQL database"}, 80) == (
        "wiki on web1: it has no PostgreSQL database"
    )


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"locks": [WAIT]}, ["Locks: who waits for whom:",
                             "  7 waits on a for 11.0 s behind 4 (shop, idle in transaction, its transaction is open for 2 min)",
                             "    waits: UPDATE a SET b = ?", "    holds: SELECT ?"]),
        ({"locks": [{**WAIT, "by_role": None, "by_state": None, "by_seconds": None, "name": None}]},
         ["  7 waits for 11.0 s behind 4"]),
        ({"locks": [{**WAIT, "by": 0, "by_query": None}]}, ["    holds: -"]),
        ({"scans": [{"name": "orders", "size": 2**24, "scans": 31, "rows": 100000, "by_index": 0}]},
         ["Large tables that are read from end to end; an index may be missing:",
          "  orders  16 MB  31     100000     0"]),
        ({"indexes": [{"name": "i", "of": "orders", "size": 2**24, "valid": True}]}, ["  i      orders  16 MB"]),
        ({"indexes": [{"name": "i", "of": "orders", "size": 2**24, "valid": False}]},
         ["The index i of orders is not valid: CREATE INDEX CONCURRENTLY broke off; drop it and make it again"]),
        ({"bloat": [{"name": "orders", "size": 2**24, "wasted": 2**23}]}, ["  orders  16 MB  8 MB (50%)"]),
        ({"transactions": [{"pid": 4, "role": "shop", "seconds": 8000, "state": "active", "query": "SELECT ?"}]},
         ["Longest transactions now:", "  4    shop  2.2 h  active  SELECT ?"]),
        ({"vacuum": [{"name": "orders", "live": 1, "dead": 5000, "vacuumed": None, "analysed": "2026-11-26T12:51:00",
                      "due": True, "off": False, "running": False}]},
         ["  orders  1     5000  -               2026-11-26 12:51  due"]),
        ({"facts": {**FACTS, "autovacuum": False}},
         ["Autovacuum is off: tables grow, and their statistics get old. Set autovacuum and track_counts to on"]),
        ({"facts": {**FACTS, "read": 995}}, ["Cache: 50.0% of the pages that were read came from shared_buffers; below 90 % "
                                             "more shared_buffers or an index may help"]),
        ({"facts": {**FACTS, "hit": 0, "read": 0}}, ["Cache: nothing was read yet"]),
        ({"statements": None, "unseen": ["statements: no extension"]}, ["Can't be seen: statements: no extension"]),
        ({"statements": {"since": None, "everything": None, "total": [], "mean": [], "calls": []}},
         ["Statements: none was counted"]),
        ({"reset": True}, ["Statements are counted from now on."]),
    ],
)  # fmt: skip
def test_what_there_is_to_tell_is_told(changes: dict[str, Any], lines: list[str]) -> None:
    said = queries.report("web1", {**FOUND, **changes}, 100).splitlines()
    assert [line for line in lines if line in said] == lines


def test_a_database_that_is_not_vacuumed_against_wraparound_is_named() -> None:
    said = queries.report("web1", {**FOUND, "facts": {**FACTS, "age": 400_000_000}}, 100)
    assert "The oldest row that isn't frozen is 400000000 transactions old" in said


def test_a_long_statement_is_cut_to_the_line_and_nothing_in_it_moves_the_cursor() -> None:
    long = {**STATEMENT, "query": "SELECT \x1b[2J" + "x" * 200}
    said = queries.report("web1", {**FOUND, "statements": {**FOUND["statements"], "total": [long]}}, 80)
    assert max(map(len, said.splitlines())) <= 80
    assert "..." in said and "\x1b" not in said


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(0.05, "0.1 ms"), (99.94, "99.9 ms"), (400, "400 ms"), (1500, "1.5 s"), (180_000, "3 min"), (9_000_000, "2.5 h")],
)
def test_durations_are_said_as_a_person_does(milliseconds: float, said: str) -> None:
    assert queries.duration(milliseconds) == said
