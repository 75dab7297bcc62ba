# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor says of PostgreSQL."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import database
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from examined_host import FakeHost

WELL: dict[str, Any] = {
    "version": "17.6", "pending": [], "ages": {"shop": 5_000_000, "postgres": 100}, "sessions": 4, "allowed": 97, "old": 2,
}  # fmt: skip


def found(folder: Path, version: str = "17", state: str = "online", **answers: Any) -> list[str]:
    line = f"{version} main 5432 {state} postgres /var/lib/postgresql/{version}/main /var/log/pg.log\n"
    host = FakeHost(folder, {"pg_lsclusters": line})

    def ask(cluster: Cluster, question: str) -> str:
        assert question == database.QUESTION
        if state != "online" or "error" in answers:
            raise PostgresError(answers.get("error", "psql failed"))
        return json.dumps({**WELL, **answers})

    return [f"{one.level}: {one.says}" for one in database.postgresql(host, date(2026, 11, 26), ask)]


def test_a_server_that_is_well_has_no_line(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_host_without_postgresql_is_well(tmp_path: Path) -> None:
    assert list(database.postgresql(FakeHost(tmp_path), date(2026, 11, 26))) == []


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"pending": ["shared_buffers"]}, "must be restarted for shared_buffers"),
        (
            {"ages": {"shop": 1_200_000_000, "postgres": 1}},
            "the database shop is 60 % of the way to a transaction ID wraparound",
        ),
        ({"sessions": 96}, "96 of 97 connections are in use"),
        ({"old": 30_000}, "a transaction has been open for 8 hours"),
        ({"error": "FATAL: no space left\nmore"}, "can't be reached: FATAL: no space left"),
    ],
)
def test_what_is_wrong_with_a_server_is_a_problem(tmp_path: Path, answers: dict[str, Any], words: str) -> None:
    (said,) = found(tmp_path, **answers)
    assert said.startswith("problem: PostgreSQL 17/main")
    assert words in said


def test_a_server_that_is_down_is_a_problem(tmp_path: Path) -> None:
    assert found(tmp_path, state="down") == ["problem: PostgreSQL 17/main can't be reached: it does not run"]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            "13",
            "problem: PostgreSQL 13/main: PostgreSQL 13 has had no support since 2025-11-13",
        ),
        (
            "14",
            "problem: PostgreSQL 14/main: PostgreSQL 14 has had no support since 2026-11-12",
        ),
        ("15", ""),
        ("99", ""),
    ],
)
def test_a_version_without_support_is_a_problem(tmp_path: Path, version: str, said: str) -> None:
    assert found(tmp_path, version) == [said] * bool(said)
