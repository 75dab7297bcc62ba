# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a server that shows all, and one that shows little, is asked and tells."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import insight, insight_sql
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError

FACTS: dict[str, Any] = {"database": "shop", "sees_all": True}
ROW = {"query": "SELECT 's3cret'", "total": 1}


class Server:
    """Answers each question by what is in it; an error is raised."""

    def __init__(self, **changes: Any) -> None:
        self.answers: dict[str, Any] = {
            "datfrozenxid": FACTS, "quote_ident": {"schema": "public"}, "_reset(": 1,
            "total_exec_time": {"since": None, "everything": 1, "total": [ROW], "mean": [ROW], "calls": [ROW]},
            **changes,
        }  # fmt: skip
        self.asked: list[tuple[str, str]] = []

    def __call__(self, sql: str, where: str) -> Any:
        self.asked.append((sql, where))
        answer = next((answer for words, answer in self.answers.items() if words in sql), [])
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_all_is_told_without_a_value() -> None:
    locks = [{"query": "UPDATE a SET b = 's3cret'", "by_query": "SELECT 4711", "pid": 1}]
    server = Server(pg_blocking_pids=locks)
    found = insight.look(server, "shop", 5, "postgres")
    assert "s3cret" not in str(found) and "4711" not in str(found)
    assert found["locks"] == [{"query": "UPDATE a SET b = ?", "by_query": "SELECT ?", "pid": 1}]
    assert found["unseen"] == []
    assert {where for sql, where in server.asked if "pg_stat_statements" in sql} == {"postgres"}
    assert set(insight_sql.SECTIONS) <= set(found)


@pytest.mark.parametrize(
    ("where", "changes", "words"),
    [
        ("postgres", {"quote_ident": {"schema": None}}, "run playbooks/provision.yml"),
        ("", {"quote_ident": {"schema": None}}, "`CREATE EXTENSION pg_stat_statements` there"),
        (
            "postgres",
            {"total_exec_time": PostgresError("psql failed: ERROR:  pg_stat_statements must be loaded via \"shared_")},
            "has to be restarted",
        ),
        ("", {"relfrozen": 1, "pg_stats ": PostgresError("psql:<stdin>:2: ERROR:  permission denied for x\nCONTEXT: y")},
         "bloat: permission denied for x"),
        ("", {"datfrozenxid": {**FACTS, "sees_all": False}}, "GRANT pg_read_all_stats"),
    ],
)  # fmt: skip
def test_what_a_server_does_not_show_is_said_and_takes_nothing_from_the_rest(
    where: str, changes: dict[str, Any], words: str
) -> None:
    found = insight.look(Server(**changes), "shop", 5, where)
    assert len(found["unseen"]) == 1
    assert words in found["unseen"][0]
    assert found["facts"]["database"] == "shop"


def test_a_server_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(PostgresError):
        insight.look(Server(datfrozenxid=PostgresError("connection refused")), "shop", 5)


def test_statements_of_one_database_alone_are_counted_anew() -> None:
    server = Server()
    insight.reset(server, "sh'op", "postgres")
    assert "datname = 'sh''op'" in server.asked[-1][0]
    assert server.asked[-1][1] == "postgres"
