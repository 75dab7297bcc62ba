# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a calendar expression comes next, read from what systemd-analyze says on a host, wherever its clock is."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import calendar
from ansible_collections.slipway.flask.plugins.module_utils._host.systemd import HostError

HEAD = "  Original form: *-*-* 06:00\nNormalized form: *-*-* 06:00:00\n"
BERLIN = f"""{HEAD}    Next elapse: Fri 2026-11-27 06:00:00 CET
       (in UTC): Fri 2026-11-27 05:00:00 UTC
       From now: 20h left
"""
UTC = f"{HEAD}    Next elapse: Fri 2026-11-27 06:00:00 UTC\n       From now: 21h left\n"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (UTC, "2026-11-27 06:00 UTC"), (BERLIN, "2026-11-27 05:00 UTC"), (f"{HEAD}    Next elapse: never\n", "never"),
        (UTC.replace("06:00:00 UTC", "06:00:00.500000 UTC"), "2026-11-27 06:00 UTC"),
    ],
)  # fmt: skip
def test_the_next_time_is_told_in_utc(monkeypatch: pytest.MonkeyPatch, said: str, wanted: str) -> None:
    asked: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(argv)
        return subprocess.CompletedProcess(argv, 0, said, "")

    monkeypatch.setattr(calendar.subprocess, "run", run)
    assert calendar.told(calendar.next_time("*-*-* 06:00", 1795672800.7)) == wanted
    assert asked == [["systemd-analyze", "calendar", "--base-time=@1795672800", "--", "*-*-* 06:00"]]


def test_an_expression_that_the_host_does_not_take_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 1, "", "Failed to parse calendar specification 'x': Invalid argument\n")
    monkeypatch.setattr(calendar.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(HostError, match="systemd on this host does not accept 'x': Failed to parse"):
        calendar.next_time("x")
