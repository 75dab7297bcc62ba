# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The time line as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._report import logs
from processor import bounded

ENTRY: dict[str, Any] = {
    "time": "2026-01-31T12:00:00.123Z", "source": "app", "process": "web", "level": "info", "request_id": "", "message": "hello",
}  # fmt: skip


def page(width: int = 0, one: bool = False) -> logs.Page:
    return logs.Page(width, one, lambda text, _: text)


def test_lines_are_aligned_and_a_new_day_has_a_line_of_its_own() -> None:
    shown = page(4)
    first = shown.lines("web1", ENTRY)
    second = shown.lines(
        "web2", {**ENTRY, "source": "nginx", "level": "error", "message": "a\nb", "request_id": "abcdef123456"}
    )
    assert first == ["-- 2026-01-31 (UTC) --", "12:00:00.123 web1 app               hello"]
    assert second == ["12:00:00.123 web2 nginx       ERROR a  [abcdef12]", "                                    b"]
    assert shown.lines("web1", {**ENTRY, "time": "2026-02-01T00:00:00.000Z"})[0] == "-- 2026-02-01 (UTC) --"


def test_the_id_at_a_lines_end_is_not_told_twice() -> None:
    entry = {**ENTRY, "request_id": "abcdef123456", "message": "failed [request_id=abcdef123456]\nTraceback"}
    assert page().lines("web1", entry)[1].endswith("failed  [abcdef12]")


def test_a_line_of_blanks_takes_no_longer_than_its_length() -> None:
    entry = {**ENTRY, "request_id": "abcdef123456", "message": "a" + " " * 16_000 + "b"}
    with bounded():
        for _ in range(100):  # a hundred million steps each, if every blank were a beginning
            assert page().lines("web1", entry)[1].endswith("b  [abcdef12]")


@pytest.mark.parametrize(
    "evil",
    ["\x1b[2J\x1b]0;owned\x07", "\x9b31m", "a\rb", "\x00", "\u202eright to left", "\u2028", "\x85", "\x0c", "\x1c", "\ud800"],
)  # fmt: skip
def test_nothing_that_a_visitor_wrote_reaches_the_terminal_as_a_command(evil: str) -> None:
    entry = {**ENTRY, "message": f"GET /{evil}x", "source": evil, "request_id": evil, "time": f"2026-01-31T{evil}Z"}
    for line in page(4).lines(evil, entry):
        assert line.isprintable(), ascii(line)
