# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of a host that is not as the inventory says: one line each, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import drift

FILES = "slipway.flask.files"
HIDDEN = "(contents hidden: not world-readable)\n"
HIDDEN_NEW = "(new contents, hidden: not world-readable)\n"


def part(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def told(action: str = FILES, task: str = "Write the sites", **result: Any) -> list[str]:
    return [str(one) for one in drift.differences(action, task, {"changed": True, **result})]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", "a\n", "is missing"),
        ("a\n", "", "should not be there"),
        ("0644 root:root\n", "0600 root:root\n", "is 0644 root:root, should be 0600 root:root"),
        ("a\nb\n", "a\nc\n", "1 line differs: has `b`, should have `c`"),
        ("a\nb\n", "a\n", "1 line differs: has `b`, should not have it"),
        ("a\n", "a\nb\n", "1 line differs: should have `b`"),
        ("a\nb\n", "c\nd\n", "2 lines differ: has `a`, should have `c`, …"),
        ("a\n" + "x" * 200, "a\nb", f"1 line differs: has `{'x' * 69}…`, should have `b`"),
        (HIDDEN, HIDDEN_NEW, "has other contents (not shown: not world-readable)"),
        (
            HIDDEN,
            HIDDEN_NEW.replace(")", "; it differs in A, B)"),
            "has a different value for A, B (not shown: not world-readable)",
        ),
        ("a \x1b[2J\n", "b\n", "1 line differs: has `a \N{REPLACEMENT CHARACTER}[2J`, should have `b`"),
    ],
)
def test_how_a_file_differs_is_said_in_a_few_words(before: str, after: str, words: str) -> None:
    assert told(diff=[part("/etc/x", before, after)]) == [f"/etc/x: {words}"]


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        ("nginx.service started", "nginx.service: does not run"),
        ("shop.digest@1.timer enabled", "shop.digest@1.timer: is not enabled: it does not start at boot"),
        ("user shop made", "user shop: is missing"),
        ("www-data added to group shop", "Write the sites: www-data added to group shop"),
    ],
)
def test_what_would_be_done_is_told_as_what_is_wrong(sentence: str, line: str) -> None:
    assert told(diff=[part("users and units", "", f"{sentence}\n")]) == [line]
    assert told(diff={"before": "", "after": f"{sentence}\n"}, actions=[sentence]) == [line]


def test_what_follows_from_a_difference_takes_no_line() -> None:
    diff = [part("/etc/x", "a\n", "b\n"), part("users and units", "", "systemd reloaded\nnginx.service reloaded\n")]
    assert told(diff=diff) == ["/etc/x: 1 line differs: has `a`, should have `b`"]


def test_a_service_that_runs_with_older_files_has_a_line_all_the_same() -> None:
    assert told(diff=[part("users and units", "", "nginx.service reloaded\n")]) == [
        "nginx.service: runs with its previous configuration"
    ]


@pytest.mark.parametrize(
    ("action", "result", "line"),
    [
        ("packages", {"installed": ["nginx"]}, "package nginx: is not installed"),
        (
            "postgres_cluster",
            {"diff": [{"before": "", "after": "CREATE ROLE shop;\n"}]},
            "PostgreSQL: needs `CREATE ROLE shop`",
        ),
        (
            "nginx_sites",
            {"diff": [part("certificate shop", "", "written anew: it expires\n")]},
            "certificate shop: written anew: it expires",
        ),
        (
            "redis_instances",
            {"diff": [], "actions": ["shop-cache.service started"]},
            "shop-cache.service: does not run",
        ),
        (
            "host_access",
            {"diff": [part("x.service enabled", "", "")]},
            "x.service: is not enabled: it does not start at boot",
        ),
        ("host_access", {"diff": [part("nftables, table x", "", "")]}, "nftables, table x: differs"),
        ("host_access", {"diff": [part("account ann", "", "made\n")]}, "account ann: made"),
        ("drift", {"differences": [{"what": "/srv/shop/x", "words": "is odd"}]}, "/srv/shop/x: is odd"),
        ("files", {}, "Do something: is not as it should be"),
    ],
)
def test_each_action_s_differences_are_told(action: str, result: dict[str, Any], line: str) -> None:
    assert told(f"slipway.flask.{action}", "Do something", **result) == [line]


def run(**hosts: list[tuple[str, dict[str, Any]]]) -> drift.Run:
    found = drift.Run()
    for host, results in hosts.items():
        for action, result in results:
            add = found.fail if result.get("failed") else found.add
            add(host, action, "a task", result)
    return found


GOOD: dict[str, Any] = {"changed": False}
DIFFERENT: dict[str, Any] = {"changed": True, "diff": [part("/etc/x", "a\n", "")]}
FAILED: dict[str, Any] = {"failed": True, "msg": "no answer"}


@pytest.mark.parametrize(
    ("hosts", "differs", "apart", "words"),
    [
        ({"one": [(FILES, GOOD)]}, False, False, "one: no difference"),
        ({"one": [(FILES, DIFFERENT)]}, True, False, "1 difference on one."),
        ({"one": [(FILES, DIFFERENT), (FILES, FAILED)]}, True, False, "1 difference on one."),
        ({"one": [(FILES, GOOD), (FILES, FAILED)]}, False, True, "one: could not be compared"),
        ({"one": [("slipway.flask.preflight", FAILED), (FILES, DIFFERENT)]}, False, True, "one: could not be compared"),
        ({"one": [(FILES, DIFFERENT)], "two": [(FILES, FAILED)]}, True, True, "two: could not be compared; 1 difference elsewhere"),
        ({"one": [(FILES, DIFFERENT)], "two": [(FILES, GOOD)]}, True, False, "1 difference on one."),
    ],
)  # fmt: skip
def test_a_host_that_was_not_compared_is_no_host_without_differences(
    hosts: dict[str, Any], differs: bool, apart: bool, words: str
) -> None:
    text, *rest = drift.verdict(run(**hosts).hosts, hosts)
    assert rest == [differs, apart]
    assert text.startswith(words)


def test_a_host_of_which_nothing_came_was_compared_by_tasks_that_said_nothing() -> None:
    assert drift.verdict({}, ["one"]) == ("one: no difference", False, False)


def test_what_comes_after_a_refusal_is_not_told() -> None:
    hosts = run(one=[("slipway.flask.preflight", FAILED), (FILES, DIFFERENT), (FILES, FAILED)]).hosts
    assert drift.lines(hosts, ["one"]) == ["one: not compared: a task: no answer"]


def test_the_same_difference_is_told_once() -> None:
    assert len(run(one=[(FILES, DIFFERENT), (FILES, DIFFERENT)]).of("one").differences) == 1


def test_a_loop_s_items_are_told_each() -> None:
    looped = {"changed": True, "results": [DIFFERENT, GOOD, {"changed": True, "installed": ["acl"]}]}
    found = [str(one) for one in run(one=[(FILES, looped)]).of("one").differences]
    assert found == ["/etc/x: should not be there", "package acl: is not installed"]


def test_why_items_of_a_loop_failed_is_told() -> None:
    looped = {"failed": True, "msg": "All items completed", "results": [GOOD, FAILED]}
    assert drift.lines(run(one=[(FILES, looped)]).hosts, ["one"]) == ["one: not compared: a task: no answer"]


def test_what_a_failed_look_did_find_is_told() -> None:
    half = {
        "failed": True,
        "msg": "psql: no answer",
        "differences": [{"what": "/srv/shop/x", "words": "is not Slipway's"}],
    }
    hosts = run(one=[("slipway.flask.drift", half)]).hosts
    assert drift.lines(hosts, ["one"]) == [
        "one: /srv/shop/x: is not Slipway's",
        "one: not compared: a task: psql: no answer",
    ]
