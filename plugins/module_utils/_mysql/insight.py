# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a MySQL or MariaDB knows of an app's database: statements, tables, transactions and locks; and what it doesn't show to whom.

The host's own is asked as root, one elsewhere as the app, which sees as much as it may. Only the server's own tables are read,
never the app's. Nothing that a user typed leaves the host: statements have ? where they had a value.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import MysqlUrl, command

CONNECT_SECONDS, SECONDS = 5, 20
Ask = Callable[[str], list[list[str]]]
"""Returns the rows that SQL has; raises MysqlError."""
FACTS = """
SELECT 'version', VERSION();
SELECT 'most', @@GLOBAL.max_connections;
SELECT 'pool', @@GLOBAL.innodb_buffer_pool_size;
SELECT 'statements', @@GLOBAL.performance_schema;
SELECT 'size', COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name};
SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Max_used_connections', 'Innodb_buffer_pool_read_requests',
  'Innodb_buffer_pool_reads', 'Uptime', 'Slow_queries');
"""
ORDERS = {"total": "SUM_TIMER_WAIT", "mean": "AVG_TIMER_WAIT", "calls": "COUNT_STAR"}
STATEMENTS = """
SELECT ROUND(SUM_TIMER_WAIT / 1e9, 3), ROUND(AVG_TIMER_WAIT / 1e9, 3), COUNT_STAR, SUM_ROWS_EXAMINED, SUM_NO_INDEX_USED,
  REPLACE(LEFT(DIGEST_TEXT, 1000), '\\n', ' ')
FROM performance_schema.events_statements_summary_by_digest WHERE SCHEMA_NAME = {name} AND DIGEST_TEXT IS NOT NULL
ORDER BY {order} DESC LIMIT {limit};
"""
TRANSACTIONS = """
SELECT t.trx_mysql_thread_id, p.USER, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), t.trx_state, t.trx_rows_locked,
  REPLACE(LEFT(COALESCE(t.trx_query, ''), 1000), '\\n', ' ')
FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS p ON p.ID = t.trx_mysql_thread_id
WHERE p.DB = {name} ORDER BY t.trx_started LIMIT {limit};
"""
LOCKS = """
SELECT ID, USER, TIME, STATE, REPLACE(LEFT(COALESCE(INFO, ''), 1000), '\\n', ' ') FROM information_schema.PROCESSLIST
WHERE DB = {name} AND (STATE LIKE 'Waiting for % lock%' OR ID IN (
  SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'))
ORDER BY TIME DESC LIMIT {limit};
"""
TABLES = """
SELECT TABLE_NAME, DATA_LENGTH, INDEX_LENGTH, COALESCE(TABLE_ROWS, 0), COALESCE(DATA_FREE, 0), COALESCE(ENGINE, '')
FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_TYPE = 'BASE TABLE'
ORDER BY DATA_LENGTH + INDEX_LENGTH DESC LIMIT {limit};
"""
VALUE = re.compile(
    r"""'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)|"(?:[^"\\]|\\.|"")*(?:"|\\?\Z)|\b0x[0-9a-fA-F]+\b|\b\d+(?:\.\d+)?\b"""
)
"""A string (an app of MySQL's may write it in either quotes; one that is cut off has no end), or a number."""


def of_host() -> Ask:
    """Return how the host's own server is asked."""
    return lambda sql: names.sql(sql, seconds=SECONDS)


def elsewhere(client: str, url: MysqlUrl, user: str) -> Ask:
    """Return how the server of URL is asked, as the system user USER with the program CLIENT."""

    def ask(sql: str) -> list[list[str]]:
        environment = {"MYSQL_PWD": url.password} if url.password else {}
        said = names.run(command(client, url, CONNECT_SECONDS), sql, user, SECONDS, environment)
        return names.rows(said)

    return ask


def look(ask: Ask, database: str, limit: int) -> dict[str, Any]:
    """Return all that there is to tell of DATABASE, at most LIMIT of each kind, and in `unseen` what can't be told and why.

    :raises MysqlError: when the server can't be asked at all.
    """
    name = names.literal(database)
    facts = {row[0]: row[1] for row in ask(FACTS.format(name=name)) if len(row) == 2}
    found: dict[str, Any] = {"facts": {**facts, "database": database}, "unseen": [], "statements": None}

    def rows(what: str, sql: str, **more: Any) -> list[list[str]]:
        try:
            return ask(sql.format(name=name, limit=int(limit), **more))
        except names.MysqlError as error:
            found["unseen"].append(f"{what}: {reason(str(error))}")
            return []

    if facts.get("statements") == "1":
        found["statements"] = {
            order: [_statement(row) for row in rows("statements", STATEMENTS, order=column) if len(row) == 6]
            for order, column in ORDERS.items()
        }
    found["transactions"] = [
        {"pid": row[0], "role": row[1], "seconds": int(row[2]), "state": row[3], "rows": row[4], "query": masked(row[5])}
        for row in rows("transactions", TRANSACTIONS) if len(row) == 6
    ]  # fmt: skip
    found["locks"] = [
        {"pid": row[0], "role": row[1], "seconds": int(row[2]), "state": row[3], "query": masked(row[4])}
        for row in rows("locks", LOCKS) if len(row) == 5
    ]  # fmt: skip
    found["tables"] = [
        {"name": row[0], "size": int(row[1]), "indexes": int(row[2]), "rows": int(row[3]), "free": int(row[4]), "engine": row[5]}
        for row in rows("tables", TABLES) if len(row) == 6
    ]  # fmt: skip
    found["unseen"] = list(dict.fromkeys(found["unseen"]))
    return found


def _statement(row: list[str]) -> dict[str, Any]:
    return {
        "total": float(row[0]), "mean": float(row[1]), "calls": int(row[2]), "examined": int(row[3]), "no_index": int(row[4]),
        "query": masked(row[5]),
    }  # fmt: skip


def masked(query: str) -> str:
    """Return a statement with ? for each value."""
    return VALUE.sub("?", query)


def reason(said: str) -> str:
    """Return why something can't be seen, in few words."""
    if "ERROR 1227" in said or "ERROR 1142" in said or "ERROR 1044" in said:
        return "the app's account may not see them (GRANT PROCESS ON *.* shows them, also to the app)"
    return names.without_line(said.rpartition("ERROR ")[2])[-200:] if "ERROR " in said else said[-200:]
