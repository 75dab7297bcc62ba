# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a standby is promoted, what is lost by that, and what a person reads."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._standby import plan, report

NEW = {
    "cluster": "17/main", "online": True, "system": "7", "in_recovery": True, "receiver": "streaming", "heard_seconds": 0.4,
    "received": "0/5000000", "replayed": "0/5000000", "last_at": "2026-11-27 05:12:03", "marks": {},
}  # fmt: skip
OLD = {
    "cluster": "17/main", "online": True, "system": "7", "in_recovery": False, "written": "0/5000400", "sessions": 4,
    "marks": {}, "checkpoint": "0/4000000", "ended_cleanly": False, "state": "in production",
}  # fmt: skip
DOWN = {**OLD, "online": False}
ALONE = {"receiver": "", "heard_seconds": None}
GONE = {"error": "Failed to connect to the host via ssh"}


def of(old: Any, force: bool = False, **new: Any) -> plan.Plan:
    return plan.plan("db2", "db1", {"db1": old, "db2": {**NEW, **new}}, force)


def test_two_servers_that_are_connected_change_places_and_lose_nothing() -> None:
    todo = of(OLD)
    assert (todo.closes, todo.receives, todo.loss, todo.word, todo.problems) == (True, True, "", "switch", [])
    text = report.planned(todo)
    assert "db2 would become the primary PostgreSQL in the place of db1" in text
    assert "4 connections of apps to db1 are ended" in text and "-e confirm=switch" in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (OLD, ALONE, "does not receive what db1 writes"),
        (GONE, {}, "but its server still writes"),
        ({**OLD, "in_recovery": True}, {}, "is a standby itself"),
        ({**OLD, "system": "8"}, {}, "their data differ from the start"),
        (OLD, {"online": False, "state": "shut down in recovery"}, "the server of db2 can't be asked"),
        (OLD, {"error": "timed out"}, "the server of db2 can't be asked: timed out"),
    ],
)
def test_what_would_make_two_primaries_or_lose_data_for_nothing_is_in_the_way(old: Any, new: Any, words: str) -> None:
    todo = of(old, **new)
    assert words in "; ".join(todo.problems)
    assert words in plan.refusal(todo, "loss")


def test_force_overrules_only_what_a_person_can_know_better() -> None:
    assert of(GONE, force=True).problems == []
    assert of(OLD, force=True, **ALONE).problems == []
    assert of({**OLD, "system": "8"}, force=True).problems != []
    assert of({**OLD, "in_recovery": True}, force=True).problems != []


def test_of_a_primary_that_is_gone_the_time_of_the_last_transaction_is_told() -> None:
    todo = of(GONE, **ALONE)
    assert not todo.closes and not todo.receives and todo.word == "loss"
    assert "0/5000000" in todo.loss and "2026-11-27 05:12:03 UTC" in todo.loss
    assert "keep it off" in " ".join(todo.notes)


def test_one_whose_machine_hangs_is_not_taken_for_alive_for_long() -> None:
    assert of(GONE, heard_seconds=10.0).problems != []
    assert of(GONE, heard_seconds=31.0).problems == []


@pytest.mark.parametrize(
    ("old", "loss"),
    [
        ({**DOWN, "ended_cleanly": True, "checkpoint": "0/4FFFF00"}, ""),
        ({**DOWN, "commits": {"number": 0, "last": ""}}, ""),
        (
            {**DOWN, "commits": {"number": 1, "last": "2026-11-27 05:12:09"}},
            "1 transaction that db1 committed after 0/5000000",
        ),
        ({**DOWN, "commits": {"number": 12, "last": "2026-11-27 05:12:09"}}, "12 transactions that db1 committed"),
        ({**DOWN, "commits": None}, "how much can't be told"),
        ({**DOWN, "ended_cleanly": True, "checkpoint": "0/5000000", "commits": None}, "how much can't be told"),
    ],
)
def test_what_a_primary_that_does_not_run_has_alone_is_counted(old: Any, loss: str) -> None:
    todo = of(old, **ALONE)
    assert todo.closes and (loss in todo.loss if loss else not todo.loss)
    assert bool(todo.notes) == bool(loss)


def test_a_loss_is_confirmed_by_that_word_alone() -> None:
    assert plan.refusal(of(OLD), "switch") == plan.refusal(of(OLD), "loss") == ""
    lost = of(GONE, **ALONE)
    assert "this would be lost" in plan.refusal(lost, "switch")
    assert plan.refusal(lost, "loss") == ""
    assert "must be switch, or loss" in plan.refusal(lost, "db2")


def test_one_that_is_the_primary_already_is_left_alone_and_the_inventory_is_told_of() -> None:
    todo = of(GONE, in_recovery=False)
    assert todo.is_done and not todo.problems
    marks = {"promoted_from": "db1", "at": "2026-11-27T05:13:00Z"}
    text = report.done(todo, {"marks": marks}, ["db1", "db3"])
    assert "takes writes since 2026-11-27T05:13:00Z" in text
    assert "slipway_database: {standby_of: db2} for db1, db3" in text


def test_a_host_that_is_nobodys_standby_is_refused() -> None:
    todo = plan.plan("db2", "", {"db2": NEW})
    assert "does not say whose standby db2 is" in todo.problems[0]
