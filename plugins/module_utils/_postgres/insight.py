# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a PostgreSQL server knows of an app's database: statements, tables, transactions; and what it doesn't show to whom.

A server on the host is asked as its superuser, one elsewhere as the app's role, which sees as much as it may. Each question
is one of its own, so that one that is refused takes nothing from the others. Nothing that a user typed leaves the host: texts
of statements have ? where they had a value.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import check, insight_sql, names
from ansible_collections.slipway.flask.plugins.module_utils._postgres.masked import masked
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import STATISTICS
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import DatabaseUrl

Ask = Callable[[str, str], Any]
"""Asks SQL in a database ("" is the app's) and returns the JSON value; raises PostgresError with the server's words."""

PATIENCE = "SET statement_timeout = '10s';\n"
UNSEEN = "SET pg_stat_statements.track = 'none';\n"
"""What is asked here is no finding; only a superuser may say so."""
CONNECT_SECONDS = 5
TEXTS = ("query", "by_query")
NAMED = ("name", "of")
HIDDEN = "<insufficient privilege>"


def of_host(cluster: names.Cluster, database: str) -> Ask:
    """Return how a database of the host's CLUSTER is asked."""

    def ask(sql: str, where: str) -> Any:
        return json.loads(names.psql(cluster, PATIENCE + UNSEEN + sql, where or database) or "null")

    return ask


def elsewhere(psql: str, url: DatabaseUrl, user: str) -> Ask:
    """Return how the database at URL is asked, as the system user USER with the program PSQL."""

    def ask(sql: str, where: str) -> Any:
        tried = check.attempt(psql, url, user, CONNECT_SECONDS, query=PATIENCE.replace("SET ", "SET LOCAL ", 1) + sql)
        if tried.kind:
            raise names.PostgresError(tried.message)
        return tried.facts

    return ask


def look(ask: Ask, database: str, limit: int, statements_in: str = "") -> dict[str, Any]:
    """Return all that there is to tell of DATABASE, at most LIMIT of each kind, and in `unseen` what can't be told and why.

    :param statements_in: the database that has the view pg_stat_statements; "" is the app's own.
    :raises PostgresError: when the server can't be asked at all.
    """
    found: dict[str, Any] = {"facts": ask(insight_sql.FACTS, ""), "statements": None, "unseen": []}
    try:
        found["statements"] = statements(ask, database, limit, statements_in)
    except names.PostgresError as error:
        found["unseen"].append(f"statements: {reason(str(error))}")
    for name, sql in insight_sql.SECTIONS.items():
        try:
            rows = ask(sql.format(limit=limit, large=insight_sql.LARGE), "")
        except names.PostgresError as error:
            found["unseen"].append(f"{name}: {reason(str(error))}")
            rows = []
        found[name] = [readable(row) for row in rows]
    if not found["facts"]["sees_all"]:
        found["unseen"].append(
            "statements and transactions of other roles: `GRANT pg_read_all_stats` to the app's role shows them, also to the app"
        )
    return found


def statements(ask: Ask, database: str, limit: int, where: str) -> dict[str, Any]:
    """Return the statements of DATABASE that take most time in all, most each, and are called most."""
    sql = insight_sql.STATEMENTS.format(schema=schema(ask, where), database=names.literal(database), limit=limit)
    found: dict[str, Any] = ask(sql, where)
    for order in ("total", "mean", "calls"):
        found[order] = [readable(row) for row in found[order] if row["query"] != HIDDEN]
    return found


def reset(ask: Ask, database: str, where: str = "") -> None:
    """Begin to count the statements of DATABASE anew."""
    sql = insight_sql.RESET.format(schema=schema(ask, where), database=names.literal(database))
    ask(f"WITH done AS MATERIALIZED ({sql.rstrip(';')}) SELECT to_json(count(*)) FROM done;", where)


def schema(ask: Ask, where: str) -> str:
    """Return the schema that the view pg_stat_statements is in.

    :raises PostgresError: when the database has no such view.
    """
    found = ask(insight_sql.SCHEMA, where)["schema"]
    if not found:
        raise names.PostgresError(
            f"{where or 'the database'} does not have the extension {STATISTICS}: "
            + (
                "run playbooks/provision.yml"
                if where
                else f"`CREATE EXTENSION {STATISTICS}` there, where the server allows it"
            )
        )
    return str(found)


def reason(said: str) -> str:
    """Return the server's own words in what psql SAID, or what to do where they are known."""
    if "must be loaded via" in said:
        return f"the server has to be restarted with {STATISTICS} in shared_preload_libraries; on this host provision.yml says how"
    return said.rpartition("ERROR:")[2].partition("\n")[0].strip() or said


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a ROW whose statements have no values, and whose tables and indexes are called as the app calls them."""
    row = {
        name: str(value).removeprefix("public.") if name in NAMED and value else value for name, value in row.items()
    }
    return {name: masked(value) if name in TEXTS and value else value for name, value in row.items()}
