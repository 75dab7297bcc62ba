# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Positions in the log, and what pg_waldump says was committed after one."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import wal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.wal import Commits

RECORD = "rmgr: Transaction len (rec/tot):     46/    46, tx:        741, lsn: {}, prev 0/03000028, desc: {}\n"
PRINTED = (
    RECORD.format("0/03000060", "COMMIT 2026-11-27 05:12:03.172837 UTC")
    + RECORD.format("0/030000E8", "ABORT 2026-11-27 05:12:04.172837 UTC")
    + RECORD.format("0/03000148", "COMMIT 2026-11-27 05:12:09.000001 UTC; inval msgs: catcache 51")
)
ENDED = "pg_waldump: error: error in WAL record at 0/3000148: invalid record length at 0/30001A0: expected at least 24, got 0"


@pytest.mark.parametrize(("text", "number"), [("0/0", 0), ("0/3000148", 0x3000148), ("1A/FF", (0x1A << 32) + 0xFF)])
def test_a_position_is_a_number_of_bytes(text: str, number: int) -> None:
    assert wal.number(text) == number
    assert wal.text(number) == text


@pytest.mark.parametrize("text", ["", "3000148", "0/3000148; DROP", "0/XYZ", "-"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no position"):
        wal.number(text)


@pytest.mark.parametrize(
    ("position", "found"),
    [
        ("0/3000000", Commits(2, "2026-11-27 05:12:09")),
        ("0/3000060", Commits(2, "2026-11-27 05:12:09")),
        ("0/3000061", Commits(1, "2026-11-27 05:12:09")),
        ("0/3000149", Commits(0)),
    ],
)
def test_what_was_committed_after_a_position_is_counted_without_what_was_aborted(position: str, found: Commits) -> None:
    assert wal.answer(1, PRINTED, ENDED, wal.number(position)) == found


@pytest.mark.parametrize(
    ("code", "said", "found"),
    [
        (0, "", Commits(0)),
        (1, "pg_waldump: error: could not find a valid record after 0/3000148", Commits(0)),
        (1, 'pg_waldump: error: could not find file "000000010000000000000003": No such file or directory', None),
        (1, "pg_waldump: error: could not open directory: Permission denied", None),
    ],
)
def test_a_log_that_is_gone_is_not_taken_for_one_that_has_ended(code: int, said: str, found: Commits | None) -> None:
    assert wal.answer(code, "", said, 0) == found
