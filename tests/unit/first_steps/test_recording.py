# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The recording on README's first screen: what a terminal printed is what the picture shows, and nothing else is in it."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from recording import cast, svg
from recording.screen import Screen, Shown
from terminal import Terminal

IMAGES = Path(__file__).resolve().parents[3] / "docs/images"
PICTURE, CAST = IMAGES / "first-steps.svg", IMAGES / "first-steps.cast"


def screen(*events: tuple[float, str], columns: int = 20) -> list[Shown]:
    made = Screen(columns)
    for at, text in events:
        made.feed(at, text)
    return made.shown()


LINES = [
    ("a line", "one\r\ntwo", ["one", "two"]),
    ("a line that is written over", "50 %\r100 %", ["100 %"]),
    ("a character that is taken back", "abx\bc", ["abc"]),
    ("a line that is too long", "abcdefgh", ["abcde", "fgh"]),
    ("a sequence that moves nothing here", "\x1b[?2004h\x1b]0;title\x07a\x1b[Kb", ["ab"]),
]


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_what_a_terminal_shows(text: str, lines: list[str]) -> None:
    columns = 5 if "abcdefgh" in text else 20
    shown = {one.row: "".join(part for _, part in one.spans) for one in screen((0, text), columns=columns)}
    assert [shown[row] for row in sorted(shown)] == lines


def test_colours_begin_and_end() -> None:
    (line,) = screen((0, "\x1b[0;32mok\x1b[0m and \x1b[1;91mbad\x1b[39m."))
    assert line.spans == (("c2", "ok"), ("", " and "), ("c1", "bad"), ("", "."))


def test_a_line_that_changes_is_seen_as_it_was_for_as_long_as_it_was() -> None:
    first, second = screen((1.0, "$ l"), (1.5, "s"))
    assert (first.start, first.end, first.spans) == (1.0, 1.5, (("", "$ l"),))
    assert (second.start, second.end, second.spans) == (1.5, None, (("", "$ ls"),))


def test_waiting_is_shortened_and_typing_is_not() -> None:
    events = [(0.0, "$ "), (0.1, "l"), (60.1, "done"), (61.1, "more")]
    times = [round(at, 2) for at, _ in cast.shortened(events)]
    assert times == pytest.approx([0.0, 0.1, 0.1 + cast.PAUSE, 0.1 + cast.PAUSE + 1 / cast.FASTER])


def test_the_picture_is_xml_and_text_stays_text() -> None:
    text = svg.picture(screen((0, '<b> & "x"')), 20, 5, "a & b", 'label "x"')
    root = ElementTree.fromstring(text)
    assert '<b> & "x"' in "".join(root.itertext())
    assert "prefers-reduced-motion" in text and "prefers-color-scheme:dark" in text


@pytest.mark.parametrize("theme", [svg.LIGHT, svg.DARK], ids=["light", "dark"])
def test_every_colour_can_be_read_on_its_ground(theme: dict[str, str]) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    for name, colour in theme.items():
        if name not in ("bg", "bar"):
            assert contrast(colour, theme["bg"]) >= 4.5, name
    assert contrast(theme["dim"], theme["bar"]) >= 4.5


def test_what_is_committed_is_small_runs_nothing_and_names_no_place_of_the_machine_that_made_it() -> None:
    text = PICTURE.read_text()
    assert PICTURE.stat().st_size < 300_000
    assert "<script" not in text and "href" not in text and "@import" not in text and "url(" not in text
    printed = "".join(json.loads(line)[2] for line in CAST.read_text().splitlines()[1:])
    for said in (text, printed):
        assert not re.search(r"/(work|home|root|tmp|dev/shm)/", said)
    assert "release 0001-" in printed and "failed=0" in printed
    assert "release 0001-" in text
    assert re.search(r"A real run on a VPS look-alike: \d+ seconds, shown in \d+ \(waiting is shortened\)", text)
    last = json.loads(CAST.read_text().splitlines()[-1])[0]
    assert f"{last:.0f} seconds" in text


def test_a_terminal_says_all_that_was_printed_when_something_was_not() -> None:
    running = Terminal([sys.executable, "-c", "print('hello'); input()"])
    running.expect("hello", 60)
    with pytest.raises(AssertionError, match="did not print 'goodbye'"):
        running.expect("goodbye", 0.1)
