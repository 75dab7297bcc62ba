# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a log tells of a release after the switch, and when that is worse than before."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import watch as process_watch
from ansible_collections.slipway.flask.plugins.module_utils._process.watch import Log, Seen, Watch, chance, fault


def request(status: int = 200, milliseconds: float = 8, path: str = "/", agent: str = "curl") -> str:
    entry = {
        "time": "now",
        "release": "1",
        "method": "GET",
        "path": path,
        "status": status,
        "duration_ms": milliseconds,
    }
    return json.dumps({**entry, "user_agent": agent})


def seen(answers: int, errors: int = 0, milliseconds: float = 8, seconds: float = 60, **more: Any) -> Seen:
    found = Seen(seconds=seconds, **more)
    for number in range(answers):
        found.take(request(500 if number < errors else 200, milliseconds))
    return found


# ---- the log ------------------------------------------------------------------------------------------------------


def test_requests_are_counted_and_other_lines_are_kept_to_be_shown() -> None:
    found = Seen()
    app_s_own = '{"status": 500, "duration_ms": 3, "message": "the app logs JSON too"}'
    for line in (request(), request(404), request(503, path="/buy"), "Traceback: …", app_s_own, "{broken", "  "):
        found.take(line)
    assert (found.answers, found.failed, dict(found.errors)) == (3, 1, {"GET /buy 503": 1})
    assert list(found.said) == ["Traceback: …", app_s_own, "{broken"]


def test_the_last_words_are_the_apps_and_not_how_gunicorn_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = [f'  File "gunicorn/arbiter.py", line {number}, in halt\n    self.stop()' for number in range(20)]
    halt = "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>"
    mine = ["Traceback (most recent call last):", '  File "main.py", line 24', "RuntimeError: no pool"]
    said = "\n".join([*mine, request(), "Traceback (most recent call last):", *stack, halt])
    monkeypatch.setattr(systemd, "read_journal", lambda *arguments: said)
    monkeypatch.setattr(systemd, "properties", lambda unit, *names: {})
    assert systemd.journal("shop@1", 3).splitlines() == [*mine[1:], request()]
    assert process_watch.last_words("shop@1").splitlines() == mine


def test_the_last_words_tell_a_traceback_of_each_request_once_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [f'  File "app.py", line {number}, in call' for number in range(30)]
    mine = ["Traceback (most recent call last):", *frames, "RuntimeError: oops"]
    said = "\n".join(line for _ in range(40) for line in [*mine, request(500, agent="slipway")])
    monkeypatch.setattr(systemd, "read_journal", lambda *arguments: said)
    monkeypatch.setattr(systemd, "properties", lambda unit, *names: {})
    assert process_watch.last_words("shop@1").splitlines() == mine


def test_slipways_own_requests_do_not_count() -> None:
    found = Seen()
    found.take(request(500, agent="slipway"))
    assert (found.answers, found.failed) == (0, 0)


@pytest.mark.parametrize(
    ("line", "deaths", "timeouts"),
    [
        ("Worker (pid:12) was sent SIGSEGV!", 1, 0),
        ("Worker (pid:12) was sent SIGKILL! Perhaps out of memory?", 1, 0),
        ("Worker (pid:12) exited with code 1.", 1, 0),
        ("WORKER TIMEOUT (pid:12)", 0, 1),
        ("Worker (pid:12) was sent SIGTERM!", 0, 0),
        ("Worker (pid:12) exited with code 0.", 0, 0),
        ("Worker exiting (pid: 12)", 0, 0),
        ("Autorestarting worker after current request.", 0, 0),
        ("my app says: Worker (pid:12) was sent SIGSEGV!", 0, 0),
    ],
)
def test_workers_that_die_are_told_from_those_that_are_replaced(line: str, deaths: int, timeouts: int) -> None:
    found = Seen()
    found.take(line)
    assert (found.deaths, found.timeouts) == (deaths, timeouts)


def test_the_log_before_is_read_by_the_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = time.monotonic()
    rows = [f"[{now - age:12.6f}] box shop[7]: {request()}" for age in (300, 40, 20)]
    (tmp_path / "log").write_text("\n".join([*rows, "    a line that goes on"]))
    monkeypatch.setattr(systemd, "newest_run", lambda unit: ["sh", "-c", f"cat {tmp_path}/log"])
    found = process_watch.recent("shop@1.service")
    assert found.answers == 2
    assert found.seconds == pytest.approx(40, abs=2)


def test_lines_come_whole_though_the_log_comes_in_pieces() -> None:
    inward, outward = os.pipe()
    log = Log(inward)
    try:
        os.write(outward, b"one\ntw")
        assert list(log.lines(0.05)) == ["one"]
        os.write(outward, b"o\n")
        assert list(log.lines(0.05)) == ["two"]
    finally:
        os.close(outward)
    started = time.monotonic()
    assert list(log.lines(0.05)) == []
    assert time.monotonic() - started >= 0.05, "a log that has ended does not make the watch spin"
    os.close(inward)


# ---- what is worse than before --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (seen(0), seen(0), ""),
        (seen(200), seen(200), ""),
        (seen(200), seen(0, seconds=5), ""),
        (seen(2), seen(0, seconds=5), ""),
        # errors: few, no more than before, no more than chance brings
        (seen(200), seen(2, 2), ""),
        (seen(0), seen(3, 3), "3 of 3 requests got a server error (0 of 0 before): GET / 500 (3×)"),
        (seen(200), seen(40, 30), "30 of 40 requests got a server error (0 of 200 before)"),
        (seen(200), seen(1000, 40), ""),
        (seen(1000, 100), seen(100, 12), ""),
        (seen(1000, 100), seen(100, 40), "40 of 100 requests got a server error (100 of 1000 before)"),
        (seen(50, 50), seen(50, 50), ""),
        # workers
        (seen(9), seen(9, deaths=1), ""),
        (seen(9), seen(9, deaths=2), "2 workers died"),
        (seen(9), seen(9, deaths=2, timeouts=1), "2 workers died, 1 of them stuck in a request"),
        (seen(9, deaths=3), seen(9, deaths=3), ""),
        # latency: slower, but quick enough; slow as before; slow and slower than before; too few to tell
        (seen(50, milliseconds=8), seen(50, milliseconds=400), ""),
        (seen(50, milliseconds=2000), seen(50, milliseconds=2500), ""),
        (seen(50, milliseconds=80), seen(50, milliseconds=2500), "half of the 50 requests took 2.5 s or longer (0.08 s before)"),
        (seen(50, milliseconds=80), seen(9, milliseconds=2500), ""),
        # silence: visitors may be gone, or wait in vain
        (seen(600), seen(0, seconds=5), ""),
        (seen(600), seen(0, seconds=5, waiting=2), ""),
        (seen(6), seen(0, seconds=5, waiting=3), ""),
        (seen(600), seen(1, seconds=5, waiting=9), ""),
        (seen(600), seen(0, seconds=5, waiting=3), "no request was answered and 3 are waiting; before, about 50 would"),
    ],
)  # fmt: skip
def test_worse_than_before_is_told_from_as_bad_as_before(before: Seen, after: Seen, said: str) -> None:
    found = fault(before, after)
    assert found.startswith(said) if said else found == ""


def test_chance_is_the_tail_of_the_binomial_distribution() -> None:
    assert chance(0, 10, 0.3) == pytest.approx(1)
    assert chance(3, 3, 0.05) == pytest.approx(0.05**3)
    assert chance(5, 10, 0.5) == pytest.approx(638 / 1024)


# ---- the watch ------------------------------------------------------------------------------------------------------


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch of a release whose log is the file `log`, and whose unit and health request are well."""
    log = tmp_path / "log"
    log.write_text("")
    monkeypatch.setattr(
        systemd, "newest_run", lambda unit: ["sh", "-c", f"tail -n +1 -f {log}"] if "2" in unit else ["true"]
    )
    monkeypatch.setattr(systemd, "properties", lambda unit, *names: {"ActiveState": "active", "NRestarts": "0"})
    monkeypatch.setattr(host_http, "ask", lambda *_: (200, ""))
    monkeypatch.setattr(process_watch, "LOOK_SECONDS", 0.05)
    return Watch(
        "shop@0002-b.service", "shop@0001-a.service", Path("/run/shop/0002-b/gunicorn.sock"), Health(("/healthz",)),
        tmp_path / "environment",
    )  # fmt: skip


def test_a_release_without_visitors_passes_after_its_time(watch: Watch) -> None:
    started = time.monotonic()
    watch.run(0.2)
    assert 0.2 <= time.monotonic() - started < 5


def test_errors_end_the_watch_at_once_and_show_what_the_app_said(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("")
    (tmp_path / "log").write_text("\n".join(["KeyError: 'basket'", *[request(500)] * 5]) + "\n")
    started = time.monotonic()
    with pytest.raises(
        ReleaseError, match=r"after the switch, 5 of 5 requests got a server error(?s:.*)KeyError: 'basket'$"
    ):
        watch.run(60)
    assert time.monotonic() - started < 30


def test_a_service_that_was_started_again_ends_the_watch(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "properties", lambda unit, *names: {"ActiveState": "active", "NRestarts": "1"})
    with pytest.raises(ReleaseError, match="gunicorn ended and had to be restarted"):
        watch.run(60)


def test_one_bad_answer_to_the_health_request_is_let_pass_and_two_are_not(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [503, 200, 503, 503]
    monkeypatch.setattr(host_http, "ask", lambda *_: (answers.pop(0), ""))
    with pytest.raises(ReleaseError, match=r"after the switch, /healthz answered 503; it must answer 200"):
        watch.run(60)
    assert answers == []
