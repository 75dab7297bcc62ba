# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The steps of a run over several hosts: who takes which, and who gives up when."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._action import steps
from ansible_collections.slipway.flask.plugins.plugin_utils._action.fleet import Fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._action.steps import State

HOSTS = ("a", "b", "c")


def held(stage: str = "migrate", revision: str = "1", **more: Any) -> dict[str, Any]:
    return {"held": {"name": f"before_{stage}", "release": "2-1"}, "revision": revision, **more}


def state(first: str = "a", balanced: bool = False, **posts: dict[str, dict[str, Any]]) -> State:
    return State(HOSTS, first, posts, balanced)


PREPARED = {host: held() for host in HOSTS}
IDLE = {host: {"idle": True} for host in HOSTS}


@pytest.mark.parametrize(
    ("canary", "step", "wanted"),
    [
        ("a", "ready_first", "a"),
        ("b", "ready_first", "a"),
        ("b", "ready", "bc"),
        ("b", "canary", "b"),
        ("b", "rest", "ac"),
        ("b", "edges", "b"),
        ("b", "finish", "abc"),
    ],
)
def test_each_step_is_taken_by_its_hosts(canary: str, step: str, wanted: str) -> None:
    posts = {"prepare": PREPARED, **dict.fromkeys(steps.NAMES[1 : steps.NAMES.index(step)], IDLE)}
    now = state(canary, True, **posts)
    assert "".join(host for host in HOSTS if now.due(host, step) == "go on") == wanted


def test_without_edges_nobody_looks_through_them() -> None:
    posts = {"prepare": PREPARED, **dict.fromkeys(steps.NAMES[1:6], IDLE)}
    assert {state(**posts).due(host, "edges") for host in HOSTS} == {"nothing"}


def test_a_host_that_has_not_come_along_breaks_the_run() -> None:
    now = state(prepare={"a": held(), "b": held()})
    assert now.broken("agree")[0] == "c"
    assert "it could not be reached, or the play's strategy is not `linear`" in now.broken("agree")[1]
    assert [now.due(host, "agree") for host in HOSTS] == ["give up", "give up", "nothing"]


def test_who_has_given_up_is_not_at_fault() -> None:
    failed = {"failed": True, "msg": "no"}
    gone = {
        "a": {"failed": True, "gave_up": True, "msg": "c: no"},
        "b": {"failed": True, "gave_up": True},
        "c": {"idle": True},
    }
    now = state(prepare=PREPARED, agree=IDLE, ready_first={**IDLE, "c": failed}, ready=gone)
    assert now.broken("canary") == ("c", "no")
    assert {now.due(host, "canary") for host in HOSTS} == {"nothing"}


def test_what_fails_at_the_end_takes_nobody_back() -> None:
    posts = {"prepare": PREPARED, **dict.fromkeys(steps.NAMES[1:7], IDLE)}
    now = state(**posts, finish={"a": {"failed": True, "msg": "no"}})
    assert now.broken("tell") == ("", "")


def test_a_killed_run_is_settled_by_what_any_host_knows() -> None:
    left = {"a": {"undecided": "t"}, "b": held(), "c": held(came_about=["s"])}
    assert (state(prepare=left).undecided(), state(prepare=left).decision("a")) == (["a"], "go back")
    left["c"] = held(came_about=["s", "t"])
    assert state(prepare=left).decision("a") == "go on"


@pytest.mark.parametrize(
    ("points", "done", "barrier", "wanted"),
    [
        ([], "", "before_migrate", "before_migrate"),
        (["after_build"], "", "before_migrate", "after_build"),
        (["after_build"], "after_build", "before_migrate", "before_migrate"),
        (["before_migrate"], "", "before_migrate", "before_migrate"),
        (["after_switch"], "", "before_migrate", "before_migrate"),
        (["after_drain"], "before_drain", "", "after_drain"),
        (["after_switch"], "before_drain", "", ""),
    ],
)
def test_a_call_stops_at_hooks_and_no_later_than_its_step(
    points: list[str], done: str, barrier: str, wanted: str
) -> None:
    assert steps.until(points, done, barrier) == wanted


@pytest.mark.parametrize(
    ("point", "wanted"),
    [
        ("before_build", "a"), ("after_check", "a"), ("before_start", "a"), ("after_migrate", "b"), ("before_switch", "b"),
        ("before_verify", "b"), ("after_switch", "a"), ("before_drain", "a"), ("after_prune", "a"),
    ],
)  # fmt: skip
def test_what_runs_once_runs_on_the_first_before_a_stage_and_on_the_last_after_it(point: str, wanted: str) -> None:
    now = state("b", prepare=PREPARED)
    assert [host for host in HOSTS if steps.runs_once(now, host, point)] == [wanted]


def problems(live: str = "abc", play: str = "abc", batch: str = "abc", **fleet: Any) -> list[str]:
    made = Fleet.of({"hosts": HOSTS, "members": HOSTS, "canary": "a", **fleet})
    return made.problems(
        {"ansible_play_hosts_all": [*play], "ansible_play_hosts": [*live], "ansible_play_batch": [*batch]}
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"live": "ab"}, "c could not be reached or prepared"),
        ({"play": "ab", "live": "ab"}, "limited to a, b, but the app is also on c"),
        ({"batch": "a"}, "the play has `serial`"),
        ({"canary": "d"}, "canary is 'd'; it must be one of a, b, c"),
        ({"without": ["e"]}, "without is 'e', which does not have this app"),
        ({"hosts": [], "canary": "", "without": ["a", "b", "c"]}, "leaves out all hosts"),
    ],
)
def test_a_run_that_not_all_hosts_can_take_part_in_is_refused(more: dict[str, Any], said: str) -> None:
    (only,) = problems(**more)
    assert said in only


def test_a_whole_fleet_may_begin() -> None:
    assert problems() == []
