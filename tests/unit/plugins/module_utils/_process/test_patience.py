# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How long a release is asked whether it is ready, and how often: by a clock that only its own rests move."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._process import patience

SILENT = "/readyz did not answer ([Errno 2] No such file or directory)"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(patience.time, "monotonic", lambda: made.now)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: setattr(made, "now", made.now + seconds))
    return made


def asked(clock: SimpleNamespace, said: Callable[[int], str], seconds: int = 60) -> tuple[str, int, float]:
    """Ask a release of which the Nth answer is wrong as SAID; return why it is given up, after how many and how long."""
    begun, waits = clock.now, patience.Patience(Health(timeout_seconds=seconds))
    for number in itertools.count(1):
        if why := waits.enough(said(number), was_good=False):
            return why, number, clock.now - begun
        waits.rest()
    raise AssertionError


ENDS = [
    ("500 from the first answer on", lambda n: "/ answered 500", "/ answered 500 for 20 s without a break", 20),
    ("no answer, and then 500", lambda n: SILENT if n < 5 else "/ answered 500", "/ answered 500 for 20 s", 20),
    ("503", lambda n: "/ answered 503", "/ still answered 503 after 60 s", 60),
    ("502", lambda n: "/ answered 502", "/ still answered 502 after 60 s", 60),
    ("504", lambda n: "/ answered 504", "/ still answered 504 after 60 s", 60),
    ("no answer", lambda n: SILENT, f"{SILENT} within 60 s", 60),
    ("500 with breaks", lambda n: f"/ answered {500 if n % 9 else 503}", "/ still answered 50", 60),
    ("a login", lambda n: "/ answered 302", "/ still answered 302 after 60 s", 60),
]  # fmt: skip


@pytest.mark.parametrize(("said", "why", "seconds"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_a_fault_ends_it_early_and_an_app_that_only_takes_its_time_is_waited_for(
    clock: SimpleNamespace, said: Callable[[int], str], why: str, seconds: int
) -> None:
    told, questions, passed = asked(clock, said)
    assert told.startswith(why)
    assert seconds <= passed <= seconds + 2
    assert questions <= 90, "an app may log a traceback for each"


def test_a_shorter_limit_is_kept_and_a_long_one_asks_once_a_second(clock: SimpleNamespace) -> None:
    told, _, passed = asked(clock, lambda n: "/ answered 500", seconds=3)
    assert (told, passed < 4) == ("/ still answered 500 after 3 s", True)
    _, questions, _ = asked(clock, lambda n: SILENT, seconds=3600)
    assert questions < 3650


def test_a_release_that_is_ready_by_turns_is_never_ready(clock: SimpleNamespace) -> None:
    waits = patience.Patience(Health())
    assert [waits.enough("/ answered 503", was_good=True) for _ in range(2)] == ["", ""]
    assert waits.enough("/ answered 503", was_good=True) == "/ answered 503 after 200, again and again"


def test_an_app_that_is_ready_soon_does_not_wait_long_for_the_next_question(clock: SimpleNamespace) -> None:
    waits, begun = patience.Patience(Health()), clock.now
    for _ in range(10):
        waits.rest()
    assert clock.now - begun < 1.2
