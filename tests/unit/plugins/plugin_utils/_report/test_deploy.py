# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads at the end of a deploy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy

RECORD: dict[str, Any] = {
    "id": "0002-abcdef1", "app": "shop", "revision": "abcdef12" * 5, "dirty": False, "heads_before": ["a1"],
    "heads_after": ["b2"], "seconds": {"fetch": 0.21, "build": 3.0, "switch": 0.04, "drain": 1.5},
}  # fmt: skip


def test_a_deploy_is_told_as_a_short_table() -> None:
    told = deploy.deployed(
        "web1",
        "https://shop.example.com/",
        {"changed": True, "record": RECORD, "previous": "0001-1234567", "notes": ["one", "two"]},
    )
    assert told.splitlines() == [
        "shop on web1: release 0002-abcdef1 is live",
        "  URL             https://shop.example.com/",
        "  Revision        abcdef1",
        "  Migration head  a1 → b2",
        "  Seconds         4.8 (fetch 0.2, build 3.0, switch 0.0, drain 1.5)",
        "  Before          0001-1234567; back to it: rollback.yml -e app=shop",
        "  Note            one",
        "  Note            two",
    ]


def test_a_first_deploy_says_so_and_an_unknown_url_is_left_out() -> None:
    told = deploy.deployed("web1", "", {"changed": True, "record": RECORD, "previous": ""})
    assert "Before          nothing: this is the first release" in told
    assert "URL" not in told


def test_an_unchanged_app_says_that_nothing_changed() -> None:
    told = deploy.deployed("web1", "https://a/", {"changed": False, "record": RECORD, "notes": []})
    assert told.startswith("shop on web1: release 0002-abcdef1 is already live; nothing changed\n")
    assert "Seconds" not in told
    assert told.splitlines()[-1] == "  Migration head  b2"
    noted = deploy.deployed("web1", "https://a/", {"changed": False, "record": RECORD, "notes": ["finished"]})
    assert noted == f"{told}\n  Note            finished"


def test_uncommitted_changes_are_told() -> None:
    assert deploy.revision_of({**RECORD, "dirty": True}) == "abcdef1 (with uncommitted changes)"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, None, "no migrations known"),
        (["a"], None, "no migrations known"),
        (["a"], ["a"], "a (unchanged)"),
        ([], ["a"], "empty → a"),
        (None, ["a"], "empty → a"),
        (["a"], ["b", "c"], "a → b, c"),
        ([], [], "empty (unchanged)"),
    ],
)
def test_the_schema_is_told(before: list[str] | None, after: list[str] | None, told: str) -> None:
    assert deploy.schema_of({"heads_before": before, "heads_after": after}) == told


@pytest.mark.parametrize(
    ("stage", "serving"),
    [
        *((stage, "The previous release is still live.") for stage in ("fetch", "gate", "switch", "verify")),
        ("drain", "The new release is live."),
        ("prune", "The new release is live."),
    ],
)
def test_a_failed_deploy_tells_where_why_and_what_serves(stage: str, serving: str) -> None:
    told = deploy.failed("web1", "shop", {"stage": stage, "msg": "because"})
    assert told == f"shop on web1: the deploy failed at stage '{stage}'. {serving}\nbecause"


def test_a_first_deploy_that_fails_does_not_tell_of_one_before() -> None:
    told = deploy.failed("web1", "shop", {"stage": "check", "msg": "because", "serves": ""})
    assert told == "shop on web1: the deploy failed at stage 'check'. No release is live yet.\nbecause"
    assert "still live" in deploy.failed("web1", "shop", {"stage": "check", "msg": "because", "serves": "0001-a"})


def test_a_failure_hides_no_note() -> None:
    told = deploy.failed("web1", "shop", {"msg": "because", "notes": ["one", "two"]})
    assert told.splitlines()[1:] == ["because", "Note: one", "Note: two"]


def test_a_rollback_that_fails_when_all_is_done_tells_that_it_went_back() -> None:
    told = deploy.failed("web1", "shop", {"stage": "after_drain", "msg": "because"}, "rollback")
    head = "shop on web1: the rollback failed at hook 'after_drain'. The release that it rolled back to is live."
    assert told == f"{head}\nbecause"


def test_a_failure_without_a_stage_names_none() -> None:
    assert deploy.failed("web1", "shop", {"msg": "x"}).startswith("shop on web1: the deploy failed. The")


@pytest.mark.parametrize(
    ("message", "rows"),
    [
        (
            "`zou create-admin` failed with status 1. Its last lines:\nadding\nEmail is not valid",
            ["Email is not valid"],
        ),
        (
            "`zou create-admin` failed with status 1. Its last lines:\nadding\nEmail is not valid\nNote: no dump",
            ["Email is not valid"],
        ),
        ("`zou create-admin` failed with status 1. The end of the journal:\nloading\nno such page", ["no such page"]),
        ("`zou create-admin` failed with status 1.\nadd git\nIts last lines:\nfailed", []),
    ],
)
def test_what_a_failed_command_said_last_is_in_the_summary_of_all_apps(message: str, rows: list[str]) -> None:
    told = deploy.failures("web1", {"zou": f"zou on web1: the deploy failed.\n{message}"}, 2).splitlines()
    assert told[2:] == [f"    {line}" for line in ["`zou create-admin` failed with status 1.", *rows]]
