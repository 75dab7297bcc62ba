# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""To which host of several a domain has to lead, and who is told that one of them serves something else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.action import doctor
from ansible_collections.slipway.flask.plugins.plugin_utils._action import fleets
from ansible_collections.slipway.flask.plugins.plugin_utils._app import hosts
from app_descriptions import shop

APP = shop()


def variables(*names: str) -> dict[str, Any]:
    return {name: {"slipway_apps": [APP]} for name in names}


@pytest.mark.parametrize(
    ("groups", "there"),
    [
        ({"web": ["web1", "web2"]}, ["web1", "web2"]),
        ({"web": ["web1", "web2"], "worker": ["jobs1"], "db": ["db1"]}, ["web1", "web2"]),
        ({"web": ["web1", "web2"], "edge": ["edge1"]}, ["edge1"]),
        ({}, ["web9"]),
    ],
)
def test_visitors_come_to_the_edges_or_else_to_the_web_hosts(groups: dict[str, list[str]], there: list[str]) -> None:
    names = [name for group in groups.values() for name in group]
    assert doctor.entrances(APP, "web9", groups, variables(*names, "web9")) == there


@pytest.mark.parametrize(
    ("groups", "runs"),
    [({}, True), ({"web": ["one"]}, True), ({"worker": ["one"]}, True), ({"db": ["one"]}, False), ({"edge": ["one"]}, False),
     ({"db": ["one"], "web": ["one"]}, True)],
)  # fmt: skip
def test_a_database_host_is_asked_for_no_releases(groups: dict[str, list[str]], runs: bool) -> None:
    assert hosts.runs_apps("one", groups) is runs


def test_a_host_that_is_behind_is_found_among_what_all_have_told() -> None:
    def told(revision: str) -> dict[str, Any]:
        return {"serving": {"shop": {"release": "0001-a", "revision": revision, "dirty": False, "since": ""}}}

    vars_of = variables("web1", "web2", "web3", "db1")
    for host, revision in (("web1", "bbbbbbb"), ("web2", "bbbbbbb"), ("web3", "aaaaaaa")):
        vars_of[host]["found"] = told(revision)
    found = fleets.behind("found", {"ansible_play_hosts_all": list(vars_of), "hostvars": vars_of})
    assert list(found) == ["web3"]
    assert found["web3"]["shop"].startswith("it serves aaaaaaa, but web1, web2 bbbbbbb")
    assert fleets.behind("", {"ansible_play_hosts_all": ["web1"], "hostvars": vars_of}) == {}
