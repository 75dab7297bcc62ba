# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The way of one request through the logs, the order of what comes from several, and the last lines of many."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._logs import journal, nginx, order, program, request
from ansible_collections.slipway.flask.plugins.module_utils._logs.entry import Entry, Wanted

ID, OTHER = "5f0c1d9e7a6b4c3d", "0123456789abcdef"


class Logs:
    """Entries as a host has them; `looked` are the stretches that were asked for."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries
        self.looked: list[tuple[float, float]] = []

    def between(self, since: float, until: float, raw: bytes = b"") -> Iterator[Entry]:
        self.looked.append((since, until))
        for entry in sorted(self.entries, key=lambda one: one.time):
            has = raw.decode() in f"{entry.request_id} {entry.message}"
            if since <= entry.time < until and has:
                yield entry


def entry(time: float, source: str, message: str, request_id: str = "", level: str = "info", **fields: Any) -> Entry:
    return Entry(time, source, source, message, level, request_id, fields=fields)


WAY = [
    entry(100.0, "nginx-error", "upstream timed out", connection=7),
    entry(100.1, "postgresql", "ERROR: division by zero at character 15", level="error"),
    entry(100.2, "app", "Exception on /x", ID, "error"),
    entry(100.3, "app", "psycopg.errors.DivisionByZero: division by zero", ID, "error"),
    entry(100.4, "app", "queued task 'mail' id=job-12345678 [request_id=…]", ID),
    entry(101.0, "nginx", "GET /x 500", ID, "error", seconds=1.2, connection=7),
    entry(900.0, "worker", "Task mail[job-12345678] succeeded"),
]
STRANGE = [
    entry(99.0, "nginx", "GET /y 200", OTHER, seconds=0.1, connection=8),
    entry(100.0, "nginx-error", "another's", connection=8),
    entry(500.0, "nginx-error", "later on the same connection", connection=7),
    entry(100.1, "postgresql", "ERROR: syntax error at or near", level="error"),
    entry(100.2, "app", "Exception on /y", OTHER, "error"),
    entry(300.0, "postgresql", "ERROR: division by zero", level="error"),
    entry(900.0, "worker", "Task mail[job-99999999] succeeded"),
]


@pytest.mark.parametrize("given", [ID, ID[:8]])
def test_the_way_of_a_request_is_all_that_it_has_caused_and_nothing_else(given: str) -> None:
    logs = Logs(*WAY, *STRANGE)
    assert list(request.Linked(given).read(logs, Wanted(0, 1000, request_id=given))) == WAY


def test_a_request_that_is_not_there_costs_one_look() -> None:
    logs = Logs(*STRANGE)
    assert list(request.Linked(ID).read(logs, Wanted(0, 1000, request_id=ID))) == []
    assert len(logs.looked) == 1


@pytest.mark.parametrize(
    "forged",
    [
        entry(101.5, "nginx", f"GET /static/x?id={ID} 200"),  # a static file's request has no id
        entry(101.5, "nginx-error", f"request: GET /?{ID}", connection=8),
        entry(101.5, "nginx", "GET /?job-12345678", OTHER),
        entry(101.5, "gunicorn", "GET /", OTHER, user_agent="job-12345678"),
    ],
)
def test_no_visitor_writes_into_the_way_of_anothers_request(forged: Entry) -> None:
    assert list(request.Linked(ID).read(Logs(*WAY, forged), Wanted(0, 1000, request_id=ID))) == WAY  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["nginx", "gunicorn"])
def test_no_visitor_makes_others_lines_a_part_of_his_own_request(source: str) -> None:
    own = entry(101.0, source, "GET /?syntax error at or near 500", ID, "error", user_agent="queued job id=Traceback")
    others = (
        entry(101.0, "postgresql", "ERROR: syntax error at or near", level="error"),
        entry(102.0, "app", "Traceback (most recent call last)", OTHER),
        entry(500.0, "worker", "Traceback (most recent call last)"),
    )
    assert list(request.Linked(ID).read(Logs(own, *others), Wanted(0, 1000, request_id=ID))) == [own]


def test_what_comes_late_is_brought_in_order() -> None:
    shuffled = random.Random(7)
    times = [number + shuffled.uniform(0, 4) for number in range(1000)]
    entries = [entry(time, "nginx", "") for time in times]
    found = [one.time for one in order.merged(entries[:500], entries[500:])]
    assert found == sorted(times)


def test_who_writes_much_at_a_time_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "MOST_HELD", 1000)
    came = 0

    def much() -> Iterator[Entry]:
        nonlocal came
        for came in range(1, 1001):  # noqa: B007 (it is read below)
            yield entry(100.0, "app", "x" * 100)

    for number, _ in enumerate(order.sorted_within(much()), 1):
        assert came - number <= 10
    assert came == number == 1000


def test_a_job_that_is_called_by_a_usual_word_is_followed_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "MOST_LATER", 5)
    way = [entry(100.0, "app", "queued job id=timestamp", ID)]
    later = [
        entry(float(time), source, f"timestamp {time}") for time in range(200, 300) for source in ("nginx", "worker")
    ]
    found = list(request.Linked(ID).read(Logs(*way, *later), Wanted(0, 1000, request_id=ID)))
    assert [one.source for one in found] == ["app", *["worker"] * 5]


def test_the_last_lines_are_looked_for_from_the_end() -> None:
    logs = Logs(*(entry(float(number), "app", f"line {number}") for number in range(0, 100_000, 10)))
    found = list(program.history(logs, Wanted(0, 100_000), 10))  # type: ignore[arg-type]
    assert [one.time for one in found] == [float(number) for number in range(99_900, 100_000, 10)]
    assert min(since for since, _ in logs.looked) > 99_000


def test_lines_that_are_rare_are_found_however_far_back(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Logs(entry(1.0, "app", "rare"), *(entry(float(number), "app", "often") for number in range(2, 100_000, 50)))
    wanted = Wanted(0, 100_000, grep="RARE")
    assert [one.message for one in program.history(logs, wanted, 10)] == ["rare"]  # type: ignore[arg-type]


def test_however_often_the_past_is_looked_at_the_journal_is_asked_once_which_slices_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, commands = list[str](), list[list[str]]()
    monkeypatch.setattr(journal, "slices", lambda: asked.append("") or ["system-shop.gone.slice"])
    monkeypatch.setattr(journal, "lines", lambda command: iter(commands.append(command) or ()))
    monkeypatch.setattr(nginx, "FOLDER", str(tmp_path))
    logs = program.Logs({"app": "shop", "processes": [], "services": [], "mask": [], "has_database": False})
    assert list(program.history(logs, Wanted(0, 100_000), 10)) == []
    assert len(commands) > 3 and len(asked) == 1
    assert all("_SYSTEMD_SLICE=system-shop.gone.slice" in command for command in commands)
