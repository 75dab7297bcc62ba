# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Hosts side by side: what is not as on the others is marked and told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import fleet

FIVE = range(1, 6)
STATUS: dict[str, Any] = {
    "app": "shop", "release": "0002-abcdef1", "revision": "abcdef12" * 5, "dirty": False, "since": "2026-01-02T03:04:05Z",
    "state": "active", "restarts": 0, "workers": 3, "memory": 120 * 2**20, "problems": [],
    "health": {"status": 200, "milliseconds": 4, "said": "answered 200"},
    "certificate": {"served": True, "issuer": "E7", "days": 80, "said": ""},
    "connections": {"used": 5, "allowed": 97, "said": ""}, "disk_used": 5 * 2**20, "disk_free": 12 * 2**30, "closed_since": "",
}  # fmt: skip
OLDER = {**STATUS, "release": "0001-7654321", "revision": "7654321a" * 5, "since": "2026-01-01T03:04:05Z"}
WORKER = {
    **STATUS, "serves": False, "state": "-", "health": {}, "certificate": {"served": False, "issuer": "", "days": None, "said": ""},
}  # fmt: skip
NONE = {**STATUS, "release": "", "revision": "", "since": ""}


DIRTY = {**STATUS, "dirty": True}


def test_five_hosts_stand_side_by_side_in_one_table() -> None:
    found = {"web1": STATUS, "web2": STATUS, "web3": OLDER, "web4": None, "jobs1": WORKER}
    told = fleet.status("shop", found, 100)
    assert told.splitlines() == [
        "shop         web1          web2          web3          web4       jobs1",
        "Release      0002-abcdef1  0002-abcdef1  0001-7654321  no answer  0002-abcdef1",
        "Revision     abcdef1       abcdef1       7654321 !     -          abcdef1",
        "Since (UTC)  01-02 03:04   01-02 03:04   01-01 03:04   -          01-02 03:04",
        "Unit         active        active        active        -          -",
        "Health       200 in 4 ms   200 in 4 ms   200 in 4 ms   -          -",
        "Workers      3             3             3             -          3",
        "Memory       120 MB        120 MB        120 MB        -          120 MB",
        "Restarts     0             0             0             -          0",
        "Certificate  80 days       80 days       80 days       -          -",
        "Connections  5 of 97       5 of 97       5 of 97       -          5 of 97",
        "Disk used    5 MB          5 MB          5 MB          -          5 MB",
        "Disk free    12.0 GB       12.0 GB       12.0 GB       -          12.0 GB",
        "Site         open          open          open          -          -",
    ]
    assert max(map(len, told.splitlines())) <= 100


def test_a_site_that_is_closed_on_one_host_is_marked() -> None:
    closed = {**STATUS, "closed_since": "2026-01-02T03:04:05Z"}
    told = fleet.status("shop", {"web1": STATUS, "web2": closed, "web3": STATUS}, 100)
    assert told.splitlines()[-1].split() == ["Site", "open", "closed", "!", "open"]
    assert fleet.closed_apart({"web1": STATUS, "web2": closed}).startswith("it is closed for maintenance on web2 alone")
    assert fleet.closed_apart({"web1": closed, "web2": closed}) == fleet.closed_apart({"web1": STATUS}) == ""


@pytest.mark.parametrize(
    ("serving", "told"),
    [
        ({"web1": STATUS, "web2": STATUS, "web3": OLDER}, {"web3": "it serves 7654321, but web1, web2 abcdef1"}),
        ({"web1": OLDER, "web2": STATUS}, {"web1": "it serves 7654321, but web2 abcdef1"}),
        ({"web1": STATUS, "web2": NONE}, {"web2": "it serves no release, but web1 abcdef1"}),
        ({f"web{number}": OLDER if number == 3 else STATUS for number in FIVE}, {"web3": "it serves 7654321, but 4 hosts abcdef1"}),
        ({"web1": STATUS, "web2": DIRTY, "web3": STATUS}, {"web2": "it serves abcdef1*, but web1, web3 abcdef1"}),
        ({"web1": STATUS, "web2": STATUS}, {}),
        ({"web1": NONE, "web2": NONE}, {}),
        ({"web1": STATUS}, {}),
    ],
)  # fmt: skip
def test_who_serves_another_revision_is_told(serving: dict[str, Any], told: dict[str, str]) -> None:
    found = fleet.behind(serving)
    assert set(found) == set(told)
    assert all(found[host].startswith(text) for host, text in told.items())
    assert all(text.endswith("deploy.yml brings all to one revision") for text in found.values())


def test_a_host_that_a_run_has_left_says_nothing_of_what_the_fleet_is_to_serve() -> None:
    old = {"revision": "aaaaaaa", "dirty": False, "since": "2026-11-27T05:00:00Z"}
    new = {"revision": "bbbbbbb", "dirty": False, "since": "2026-11-27T06:00:00Z", "undecided": True}
    (told,) = fleet.behind({"web1": old, "web2": new}).items()
    assert told[0] == "web2"
    assert told[1].startswith("it serves bbbbbbb, to which a run over several hosts has switched it that never ended")
    assert "the next deploy.yml or rollback.yml" in told[1]
    assert set(fleet.behind({"web1": new, "web2": new})) == {"web1", "web2"}, "although they are alike"
    assert fleet.behind({"web1": old, "web2": {**old, "undecided": False}}) == {}


def entry(
    number: int, revision: str, started: str, outcome: str = "deployed", seconds: float = 10, **more: Any
) -> dict[str, Any]:
    return {
        "id": f"{number:04d}-{revision}", "revision": revision, "dirty": False, "by": "ann@box", "started": started,
        "ended": started, "outcome": outcome, "stage": "", "heads_after": None, "seconds": seconds, **more,
    }  # fmt: skip


def history(*entries: dict[str, Any], serving: str) -> dict[str, Any]:
    return {
        "app": "shop",
        "serving": serving,
        "present": [one["id"] for one in entries],
        "total": 9,
        "entries": list(entries),
    }


def test_runs_of_all_hosts_are_one_row_each_whatever_their_ids() -> None:
    one = history(
        entry(2, "bbbbbbb", "2026-01-02T03:04:05Z"), entry(1, "aaaaaaa", "2026-01-01T00:00:00Z"), serving="0002-bbbbbbb"
    )
    two = history(
        entry(7, "bbbbbbb", "2026-01-02T03:04:25Z", seconds=12.5), entry(6, "aaaaaaa", "2026-01-01T00:00:09Z"),
        serving="0007-bbbbbbb",
    )  # fmt: skip
    assert fleet.history("shop", {"web1": one, "web2": two}, 20).splitlines() == [
        "shop on web1, web2: bbbbbbb is live",
        "  REVISION  WHEN (UTC)        BY       OUTCOME   HOSTS  SECONDS  NOW",
        "  bbbbbbb   2026-01-02 03:04  ann@box  deployed  all 2  12.5     live",
        "  aaaaaaa   2026-01-01 00:00  ann@box  deployed  all 2  10.0     kept",
    ]


def test_a_run_that_ended_otherwise_on_one_host_has_a_row_of_its_own() -> None:
    good = history(entry(1, "aaaaaaa", "2026-01-01T00:00:00Z"), serving="0001-aaaaaaa")
    bad = history(entry(1, "aaaaaaa", "2026-01-01T00:00:03Z", "failed", stage="gate"), serving="")
    lines = fleet.history("shop", {"web1": good, "web2": bad}, 20).splitlines()
    assert lines[0] == "shop on web1, web2: aaaaaaa is live on web1; nothing is live on web2"
    assert ["failed at gate  web2" in lines[2], "deployed        web1" in lines[3]] == [True, True]


def test_the_same_revision_a_day_later_is_another_run() -> None:
    one = history(entry(1, "aaaaaaa", "2026-01-01T00:00:00Z"), serving="0001-aaaaaaa")
    two = history(entry(1, "aaaaaaa", "2026-01-02T00:00:00Z"), serving="0001-aaaaaaa")
    lines = fleet.history("shop", {"web1": one, "web2": two}, 1).splitlines()
    assert lines[-1] == "  The newest 1 of 2; -e limit=2 shows all."


def test_no_history_is_said() -> None:
    none = {"app": "shop", "serving": "", "present": [], "total": 0, "entries": []}
    assert (
        fleet.history("shop", {"web1": none, "web2": none}, 20) == "shop on web1, web2: no release is live; no history"
    )
