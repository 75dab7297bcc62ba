# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is told of an app's database in MySQL or MariaDB, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._mysql import insight, names
from ansible_collections.slipway.flask.plugins.plugin_utils._report import queries_mysql

FACTS = [
    ["version", "11.8.9-MariaDB-0+deb13u1"], ["most", "100"], ["pool", str(200 << 20)], ["statements", "1"], ["size", "4000000"],
    ["Threads_connected", "7"], ["Max_used_connections", "31"], ["Innodb_buffer_pool_read_requests", "1000"],
    ["Innodb_buffer_pool_reads", "20"],
]  # fmt: skip
ROWS = {
    "events_statements": [["900.5", "9.0", "100", "5000", "3", "SELECT * FROM `orders` WHERE `id` = ?"]],
    "TIMESTAMPDIFF": [["42", "shop", "75", "RUNNING", "3", "UPDATE orders SET note = 'my secret' WHERE id = 17"]],
    "Waiting for": [["43", "shop", "5", "Waiting for table metadata lock", "ALTER TABLE orders ADD x INT DEFAULT 3"]],
    "DATA_FREE": [["orders", "3000000", "900000", "5000", "0", "InnoDB"], ["old", "4", "4", "1", "0", "MyISAM"]],
}


def server(refused: str = "nothing is called so", statements: str = "1") -> insight.Ask:
    def ask(sql: str) -> list[list[str]]:
        if "@@GLOBAL.max_connections" in sql:
            return [row if row[0] != "statements" else ["statements", statements] for row in FACTS]
        if refused in sql:
            raise names.MysqlError(
                "mariadb failed with exit code 1: ERROR 1227 (42000) at line 1: Access denied; you need PROCESS"
            )
        return next(rows for word, rows in ROWS.items() if word in sql)

    return ask


def told(**more: Any) -> str:
    return queries_mysql.report("web1", {"app": "shop", **insight.look(server(**more), "shop", 5)}, 120)


def test_what_a_server_knows_is_told_without_what_users_typed() -> None:
    text = told()
    for part in (
        "shop on web1: database shop, MariaDB 11.8.9, 4 MB, 7 of 100 connections (at most 31 since",
        "98.0% of the pages that were read came from the buffer pool", "Most time in all:", "SELECT * FROM `orders` WHERE `id` = ?",
        "UPDATE orders SET note = ? WHERE id = ?", "Waiting for table metadata lock", "Largest tables",
        "The table old is MyISAM's", "MariaDB does not count them",
    ):  # fmt: skip
        assert part in text
    assert "secret" not in text and "17" not in text


def test_statements_that_are_not_counted_are_told_with_what_counting_costs() -> None:
    assert "`mariadb_server_settings: {performance_schema: true}` and site.yml turn it on, for about 110 MB" in told(
        statements="0"
    )


def test_what_an_account_may_not_see_is_told_and_takes_nothing_from_the_rest() -> None:
    text = told(refused="INNODB_TRX")
    assert "Can't be seen: transactions: the app's account may not see them" in text and "Largest tables" in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT 'a''b\\'c' , \"d\"", "SELECT ? , ?"),
        ("INSERT INTO t2 VALUES (1.5, 0xAB, 'cut of", "INSERT INTO t2 VALUES (?, ?, ?"),
        ("UPDATE t SET a = 'cut off in an escape\\", "UPDATE t SET a = ?"),
        ("SELECT `a1` FROM t", "SELECT `a1` FROM t"),
    ],
)
def test_values_of_a_statement_are_left_out(query: str, shown: str) -> None:
    assert insight.masked(query) == shown
