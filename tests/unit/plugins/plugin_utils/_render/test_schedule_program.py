# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program that keeps a schedule's times in a container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._render import schedule_program as program

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("5 0 * * *", "2026-11-27 12:00", "2026-11-28 00:05"),
        ("*/15 * * * *", "2026-11-27 12:14", "2026-11-27 12:15"),
        ("*/15 * * * *", "2026-11-27 12:15", "2026-11-27 12:30"),
        ("0 6 * * 1-5", "2026-11-27 07:00", "2026-11-30 06:00"),  # from a Friday to the Monday
        ("30 4 1 * *", "2026-12-01 04:30", "2027-01-01 04:30"),
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 12 13 * 5", "2026-11-27 00:00", "2027-08-13 12:00"),  # both agree: a Friday the 13th
    ],
)
def test_the_next_time_is_the_first_minute_that_all_fields_mean(line: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=timezone.utc)
    assert program.following(line, moment) == datetime.fromisoformat(expected).replace(tzinfo=timezone.utc)


def test_a_line_that_never_comes_is_said() -> None:
    with pytest.raises(ValueError, match="never comes"):
        program.following("0 0 31 2 *", datetime(2026, 1, 1, tzinfo=timezone.utc))


def test_a_time_that_the_clock_has_twice_comes_once() -> None:
    before = datetime(2026, 10, 25, 1, 0, tzinfo=BERLIN)
    first = program.following("30 2 * * *", before)
    assert (first.hour, first.minute, first.day) == (2, 30, 25)
    assert program.following("30 2 * * *", first).day == 26


def run(arguments: list[str], state: Path, seconds: float = 5) -> tuple[int, str]:
    """Run the program for so many SECONDS, then ask it to stop; return how it ended and what it said."""
    process = subprocess.Popen(
        [sys.executable, program.__file__, *arguments], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "STATE_DIRECTORY": str(state)},
    )  # fmt: skip
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline and not (state / "ran").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    return process.returncode, said


def test_a_run_that_was_missed_is_made_up_for_once_and_then_it_waits(tmp_path: Path) -> None:
    long_ago = datetime.now(timezone.utc) - timedelta(days=3)
    (tmp_path / ".scheduled").write_text(f"{long_ago.timestamp()}\n")
    ran = tmp_path / "ran"
    arguments = ["--cron", "0 0 * * *", "--catch-up", "--", "sh", "-c", f"echo x >> {ran}"]
    code, said = run(arguments, tmp_path)
    assert code == 0 and ran.read_text() == "x\n", said
    ran.unlink()
    code, said = run(arguments, tmp_path, 1)
    assert code == 0 and not ran.exists(), said


def test_the_first_start_makes_up_for_nothing(tmp_path: Path) -> None:
    code, said = run(["--cron", "0 0 * * *", "--catch-up", "--", "touch", str(tmp_path / "ran")], tmp_path, 1)
    assert code == 0 and not (tmp_path / "ran").exists() and "next at" in said
    assert (tmp_path / ".scheduled").exists()


def test_a_run_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    one = program.Schedule("* * * * *", "UTC", ["sleep", "60"], str(tmp_path), timeout=1, stop=5, sign="SIGTERM")
    begin = time.monotonic()
    assert one.run() != 0
    assert time.monotonic() - begin < 10
