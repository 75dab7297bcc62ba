# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The one page about a run over several hosts."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._action import steps
from ansible_collections.slipway.flask.plugins.plugin_utils._action.steps import State
from ansible_collections.slipway.flask.plugins.plugin_utils._report import together

HOSTS = ("web1", "web2", "web3")
RECORD = {"id": "0002-b", "revision": "b", "heads_before": ["1"], "heads_after": ["2"], "seconds": {"build": 1.0}}
PREPARED = {host: {"held": {"name": "before_migrate", "release": "0002-b"}, "serves": "0001-a"} for host in HOSTS}
BACK = {"failed": True, "gave_up": True, "serves": "0001-a", "held_release": "0002-b", "msg": "web3: no"}
FAILED = {"failed": True, "msg": "no", "stage": "start", "serves": "0001-a"}


def state(**posts: dict[str, dict[str, Any]]) -> State:
    idle = {host: {"idle": True} for host in HOSTS}
    return State(HOSTS, "web1", {**dict.fromkeys(steps.NAMES[:-1], idle), "prepare": PREPARED, **posts})


def text(**posts: dict[str, dict[str, Any]]) -> str:
    return str(together.summary("deploy", "shop", "", state(**posts), 9.0)["text"])


def test_what_all_have_alike_is_said_once() -> None:
    done = {"release": "0002-b", "previous": "0001-a", "record": RECORD, "notes": ["well"]}
    said = text(finish={host: {**done, "notes": ["well"]} for host in HOSTS})
    assert said.splitlines() == [
        "shop on web1, web2, web3: revision b is live on all hosts",
        "  Revision        b",
        "  Release         0002-b",
        "  Migration head  1 → 2",
        "  Seconds         9.0 (build 1.0)",
        "  Before          0001-a; back to it: rollback.yml -e app=shop",
        "  Note            well",
    ]
    assert "Note            web3: slow" in text(
        finish={host: {**done, "notes": ["slow"] * (host == "web3")} for host in HOSTS}
    )


def test_who_failed_and_why_comes_first_and_what_others_add_after_it() -> None:
    newer = {**BACK, "msg": "web3: no\nThe database was migrated before that"}
    said = text(
        ready={"web1": {"idle": True}, "web2": {"idle": True}, "web3": FAILED},
        finish={"web1": newer, "web2": BACK, "web3": {"idle": True}},
    )
    assert said.splitlines() == [
        "shop on web1, web2, web3: the deploy failed on web3 at stage 'start'. The previous release is still live on all hosts.",
        "no",
        "web1: The database was migrated before that",
    ]


def test_a_host_that_is_not_certain_to_be_back_is_named() -> None:
    gone = {"failed": True, "unreachable": True, "msg": "it could not be reached", "serves": ""}
    said = text(
        rest={"web1": {"idle": True}, "web2": {"idle": True}, "web3": gone},
        finish={"web1": BACK, "web2": BACK, "web3": gone},
    )
    assert "the deploy failed on web3. The previous release is still live on all hosts but web3." in said
    lost = text(rest={"web1": {"idle": True}, "web2": {"idle": True}}, edges={}, finish={"web1": BACK, "web2": BACK})
    assert "on all hosts but web3." in lost
    assert "The next deploy or rollback brings it to what the others have" in lost
    stuck = {**BACK, "serves": "0002-b", "msg": "the disk is full"}
    said = text(
        ready={"web1": {"idle": True}, "web2": {"idle": True}, "web3": FAILED},
        finish={"web1": stuck, "web2": BACK, "web3": {"idle": True}},
    )
    assert "on all hosts but web1." in said and "web1: the disk is full" in said


def test_what_fails_when_all_have_switched_is_told_as_live() -> None:
    late = {"failed": True, "msg": "no space", "stage": "prune", "serves": "0002-b"}
    said = together.summary(
        "deploy", "shop", "", state(finish={"web1": {"record": RECORD}, "web2": late, "web3": {}}), 9.0
    )
    assert said["failed"]
    assert said["text"].startswith(
        "shop on web1, web2, web3: the new release is live on all hosts, but the deploy did not end well on web2."
    )
