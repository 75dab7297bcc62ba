# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The tables that a person reads."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables

ENTRY: dict[str, Any] = {
    "id": "0002-abcdef1", "revision": "abcdef12" * 5, "dirty": True, "by": "ann@box", "started": "2026-01-02T03:03:00Z",
    "ended": "2026-01-02T03:04:05Z", "outcome": "deployed", "stage": "", "heads_after": ["b2"], "seconds": 12.34,
}  # fmt: skip
FAILED = {
    **ENTRY, "id": "0003-1234567", "revision": "1234567", "dirty": False, "outcome": "failed", "stage": "gate",
    "heads_after": None, "seconds": 3.0,
}  # fmt: skip
FIRST = {**ENTRY, "id": "0001-7654321", "revision": "7654321", "dirty": False, "heads_after": []}
FOUND = {
    "app": "shop", "serving": "0002-abcdef1", "present": ["0002-abcdef1", "0001-7654321"], "total": 3,
    "entries": [FAILED, ENTRY, FIRST],
}  # fmt: skip
STATUS: dict[str, Any] = {
    "app": "shop", "release": "0002-abcdef1", "revision": "abcdef12" * 5, "dirty": True, "since": "2026-01-02T03:04:05Z",
    "state": "active", "restarts": 0, "workers": 3, "memory": 120 * 2**20, "problems": [],
    "health": {"status": 200, "milliseconds": 4, "said": "answered 200"},
    "certificate": {"served": True, "issuer": "E7", "days": 80, "said": ""},
    "connections": {"used": 5, "allowed": 97, "said": ""}, "disk_used": 5 * 2**20, "disk_free": 12 * 2**30,
    "closed_since": "2026-01-03T05:06:07Z",
}  # fmt: skip
NEVER = {
    "app": "wiki", "release": "", "revision": "", "dirty": False, "since": "",
    "certificate": {"served": False, "issuer": "", "days": None, "said": "refused"},
    "connections": {"used": None, "allowed": None, "said": "no database"}, "disk_used": 0, "disk_free": None,
    "problems": ["nothing has been deployed yet"],
}  # fmt: skip


def test_a_history_is_a_table() -> None:
    assert tables.history("web1", FOUND).splitlines() == [
        "shop on web1: release 0002-abcdef1 is live; rollback.yml can go back to 0001-7654321",
        "  RELEASE       REVISION  WHEN (UTC)        BY       OUTCOME         SECONDS  HEAD   NOW",
        "  0003-1234567  1234567   2026-01-02 03:04  ann@box  failed at gate  3.0      -",
        "  0002-abcdef1  abcdef1*  2026-01-02 03:04  ann@box  deployed        12.3     b2     live",
        "  0001-7654321  7654321   2026-01-02 03:04  ann@box  deployed        12.3     empty  kept",
    ]


def test_a_history_says_what_was_promoted_and_a_rollback_to_it_does_not() -> None:
    promoted = {**ENTRY, "promoted": "staging, release 0007-abcdef1 of shop on vps2"}
    back = {**promoted, "outcome": "rolled back"}
    rows = tables.history("web1", {**FOUND, "entries": [back, promoted]}).splitlines()[2:]
    assert ["  rolled back  " in rows[0], "  deployed from staging  " in rows[1]] == [True, True]


def test_a_history_that_is_cut_says_so_and_names_no_way_back_where_there_is_none() -> None:
    told = tables.history("web1", {**FOUND, "total": 30, "present": ["0002-abcdef1"]}).splitlines()
    assert told[0] == "shop on web1: release 0002-abcdef1 is live; no other release is on the host"
    assert told[-1] == "  The newest 3 of 30; -e limit=30 shows all."


def test_what_has_become_of_a_release_stands_in_its_newest_line_only() -> None:
    back = {**FIRST, "outcome": "rolled back"}
    found = {**FOUND, "serving": "0001-7654321", "entries": [back, ENTRY, FIRST]}
    told = tables.history("web1", found).splitlines()
    assert [line.split()[-1] for line in told[2:]] == ["live", "kept", "empty"]


@pytest.mark.parametrize(
    ("serving", "told"),
    [
        ("", "shop on web1: no history; nothing has been deployed yet"),
        ("0002-abcdef1", "shop on web1: no history; release 0002-abcdef1 is live"),
    ],
)
def test_no_history_is_said(serving: str, told: str) -> None:
    assert tables.history("web1", {**FOUND, "serving": serving, "entries": [], "total": 0}) == told


def test_status_is_one_table_of_all_apps_and_hosts() -> None:
    assert tables.status({"web1": [STATUS, NEVER]}, 100).splitlines() == [
        "App          shop              wiki",
        "Host         web1              web1",
        "Release      0002-abcdef1      none",
        "Revision     abcdef1*          -",
        "Since (UTC)  2026-01-02 03:04  -",
        "Unit         active            -",
        "Health       200 in 4 ms       -",
        "Workers      3                 -",
        "Memory       120 MB            -",
        "Restarts     0                 -",
        "Certificate  80 days, E7       -",
        "Connections  5 of 97           no database",
        "Disk used    5 MB              0 MB",
        "Disk free    12.0 GB           -",
        "Site         closed            open",
    ]


def test_an_app_that_was_removed_has_no_open_site() -> None:
    cells = tables.status_column("web1", {**NEVER, "removed": True})
    assert (cells[2], cells[-1]) == ("removed", "-")


def test_a_table_too_wide_for_the_terminal_goes_on_below() -> None:
    told = tables.status({"web1": [STATUS], "web2": [STATUS], "web3": [STATUS]}, 50).split("\n\n")
    assert [block.splitlines()[1].split() for block in told] == [["Host", "web1", "web2"], ["Host", "web3"]]
    assert max(len(line) for block in told for line in block.splitlines()) <= 50
    assert len(tables.status({"web1": [STATUS, STATUS]}, 1).split("\n\n")) == 2


def test_an_app_that_gives_no_answer_is_told_so() -> None:
    silent = {**STATUS, "health": {"status": None, "milliseconds": None, "said": "did not answer (x)"}}
    assert tables.status_column("web1", silent)[6] == "no answer"


def test_every_reason_for_not_serving_is_told() -> None:
    assert tables.not_serving(["a", "b"]) == "Something is wrong:\n  - a\n  - b"


def test_a_terminal_obeys_nothing_that_an_app_has_printed() -> None:
    found = tables.not_serving(["digest: the last run failed. Its last lines:\n\x1b[2Jall is well\x07"])
    assert "\x1b" not in found and "\x07" not in found
    assert "[2Jall is well" in found
