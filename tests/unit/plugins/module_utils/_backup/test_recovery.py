# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What PostgreSQL says of a recovery, as it is read; its words are those of 15 and 17 on a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import recovery
from ansible_collections.slipway.flask.plugins.module_utils._backup.recovery import Recovered

LOG = """\
2026-11-26 12:47:56.682 UTC [3248] LOG:  starting archive recovery
2026-11-26 12:47:56.704 UTC [3248] LOG:  consistent recovery state reached at 0/6000120
2026-11-26 12:47:56.794 UTC [3248] LOG:  redo done at 0/8003770 system usage: CPU: user: 0.00 s, system: 0.04 s, elapsed: 0.11 s
2026-11-26 12:47:56.794 UTC [3248] LOG:  last completed transaction was at log time 2026-11-26 12:45:02.763427+00
2026-11-26 12:47:56.817 UTC [3248] LOG:  selected new timeline ID: 3
"""
WARNED = [
    "2026-11-26 12:48:45.266 UTC [3341] WARNING:  page 0 of relation base/16400/16405 is uninitialized",
    "2026-11-26 12:48:45.266 UTC [3341] WARNING:  WAL contains references to invalid pages",
    "2026-11-26 12:48:45.266 UTC [3341] WARNING:  page 7 of relation base/16400/16405_vm does not exist",
    "2026-11-26 12:48:45.266 UTC [3341] WARNING:  page 0 of relation pg_tblspc/1663/PG_17_202406281/5/16405 is uninitialized",
]


def test_a_recovery_ends_at_the_last_record_that_was_replayed() -> None:
    found = recovery.recovered(LOG)
    assert found == Recovered("0/8003770", "2026-11-26 12:45:02.763427+00", 2)
    assert found.told == "at 0/8003770 (last transaction 2026-11-26 12:45:02.763427+00)"


def test_of_a_recovery_that_was_begun_again_the_end_is_the_last_one_s_and_the_transaction_the_last_that_any_replayed() -> (
    None
):
    again = "".join(LOG.splitlines(keepends=True)[:3]).replace("0/8003770", "0/9000028")
    assert recovery.recovered(LOG + again, True) == Recovered("0/9000028", "2026-11-26 12:45:02.763427+00", 2, True)


def test_a_recovery_without_anything_to_replay_ends_where_the_backup_does() -> None:
    assert recovery.recovered("".join(LOG.splitlines(keepends=True)[:2])) == Recovered("0/6000120")


@pytest.mark.parametrize(
    ("reached", "newest", "missing"),
    [
        ("0/8003770", "000000010000000000000008", ""),
        ("0/9000048", "000000010000000000000008", ""),
        ("0/8003770", "00000001000000000000000A", "000000010000000000000009"),
        ("0/FF003770", "000000010000000100000004", "000000010000000100000000"),
        ("1/0000028", "000000020000000100000000", ""),
        ("0/8003770", "", ""),
    ],
    ids=[
        "in the newest",
        "beyond",
        "one is missing",
        "at the end of a number's half",
        "at its beginning",
        "none archived",
    ],
)
def test_a_recovery_that_ends_before_the_newest_wal_lacked_the_segment_after_its_last(
    reached: str, newest: str, missing: str
) -> None:
    assert recovery.missing_segment(Recovered(reached), newest) == missing


def test_pages_that_the_backup_lacks_are_counted_for_their_database() -> None:
    assert recovery.lacking(WARNED) == {16400: 2, 5: 1}


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (["x LOG:  y", "x FATAL:  could not open file", "x FATAL:  terminated"], "could not open file"),
        (["x LOG:  y"], ""),
    ],
)
def test_why_a_recovery_failed_is_the_first_that_was_fatal(log: list[str], why: str) -> None:
    assert recovery.trouble(log) == why


@pytest.mark.parametrize(("status", "is_open"), [("ready   ", True), ("starting", False), ("standby ", False)])
def test_a_server_is_open_when_it_says_so_in_its_eighth_line(tmp_path: Path, status: str, is_open: bool) -> None:
    assert not recovery.is_open(tmp_path)
    (tmp_path / "postmaster.pid").write_text("\n".join(["1", str(tmp_path), "0", "5432", "/run", "", " 1 2", status]))
    assert recovery.is_open(tmp_path) is is_open
