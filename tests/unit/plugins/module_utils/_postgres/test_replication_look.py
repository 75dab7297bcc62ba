# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person is told of standbys: in a host's status and in its check."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import marks, replication_look
from ansible_collections.slipway.flask.plugins.module_utils._postgres.marks import Marks
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster

STREAMING = {"state": "streaming", "from": "db1.slipway.internal", "heard_seconds": 0.2}
DB2 = {"slot": "slipway_standby_db2", "name": "db2", "state": "streaming", "wal": "reserved", "behind": 120_000}


def standby(receiver: Any = STREAMING, **more: Any) -> dict[str, Any]:
    return {"in_recovery": True, "lag_seconds": 0, "receiver": receiver, "standbys": [], **more}


def primary(*standbys: dict[str, Any]) -> dict[str, Any]:
    return {"in_recovery": False, "lag_seconds": 0, "receiver": None, "standbys": list(standbys)}


@pytest.mark.parametrize(
    ("found", "line", "is_well"),
    [
        (standby(lag_seconds=3.4), "PostgreSQL: a standby, 3 s behind its primary", True),
        (standby(None), "PostgreSQL: it is a standby and receives nothing from its primary", False),
        (standby({**STREAMING, "heard_seconds": 90}), "PostgreSQL: it is a standby and receives nothing from its primary", False),
        (primary(DB2), "PostgreSQL: the standby db2 is connected, 0.1 MB behind", True),
        (primary({**DB2, "name": "", "state": "", "behind": 5e6}),
         "PostgreSQL: the standby db2 is not connected; it is 5.0 MB behind",
         False),
        (primary({**DB2, "wal": "lost"}),
         "PostgreSQL: the standby db2 was away for too long: what it needs of the write-ahead log is gone", False),
    ],
)  # fmt: skip
def test_a_server_is_described_in_one_line(found: dict[str, Any], line: str, is_well: bool) -> None:
    assert replication_look.lines(found) == [line]
    assert bool(list(replication_look.problems(found))) != is_well


def test_a_server_without_standbys_is_asked_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "FILE", tmp_path / "none.json")
    monkeypatch.setattr(replication_look, "find_cluster", lambda wanted: Cluster("99", "none", 5432, True, ""))
    monkeypatch.setattr(replication_look, "ask", pytest.fail)
    assert replication_look.said() == []


def test_a_closed_server_says_for_whom(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "FILE", tmp_path / "marks.json")
    marks.write(Marks(closed_for="db2", at="2026-11-27T05:12:03Z", by="ann@desk"))
    assert replication_look.said() == [
        "PostgreSQL: closed at 2026-11-27T05:12:03Z by ann@desk, for the promotion of db2"
    ]
    assert marks.forget() and not marks.forget() and marks.read() == Marks()
