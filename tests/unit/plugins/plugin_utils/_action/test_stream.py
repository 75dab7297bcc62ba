# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program that is sent to a host: it comes over standard input, needs nothing there and ends when nobody listens."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._logs import program
from ansible_collections.slipway.flask.plugins.plugin_utils._action import stream

ASKED: dict[str, Any] = {
    "app": "no-such-app", "processes": ["worker"], "services": [], "has_database": False, "mask": ["token"], "since": 0.0,
    "until": 0.0, "process": "", "level": "", "grep": "", "request_id": "", "lines": 0, "follow": 0, "most_bytes": 0,
    "watch_input": True,
}  # fmt: skip


def started(**more: Any) -> subprocess.Popen[bytes]:
    argv = shlex.split(stream.command("_logs"))
    process = subprocess.Popen(
        [sys.executable, *argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    process.stdin.write(b"a password that sudo did not ask for\n" + stream.payload("_logs", {**ASKED, **more}))
    process.stdin.flush()
    return process


def test_it_runs_from_memory_and_tells_where_it_begins_and_ends() -> None:
    process = started(since=time.time())
    assert process.stdout
    output = process.stdout.read()  # with its input open: where that ends first, the controller is gone
    assert process.communicate(timeout=60)[1] == b""
    first, *_, last = output.splitlines()
    assert first.decode() == program.READY
    assert json.loads(last) | {"until": 0} == {"end": True, "cut": False, "until": 0}


def test_it_ends_when_the_controller_is_gone() -> None:
    process = started(since=time.time(), follow=3600)
    assert process.stdin and process.stdout
    assert process.stdout.readline().decode().strip() == program.READY
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=60)
    assert process.returncode is not None


WITH_LOGS_OF = f"""
import sys
sys.path.insert(0, sys.argv[1])
from {stream.PACKAGE}._logs import journal, nginx, program
nginx.FOLDER, journal.PROGRAM = sys.argv[2], "/bin/true"
program.main()
"""


def test_it_ends_when_the_controller_is_gone_even_at_a_pattern_that_a_line_keeps_busy_for_ever(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(stream.archive("_logs"))
    line = {"time": "2026-01-31T12:00:00+00:00", "uri": "/" + "a" * 100, "timestamp": time.time()}
    (tmp_path / "no-such-app.access.log").write_text(json.dumps(line, separators=(",", ":")) + "\n")
    argv = [sys.executable, "-I", "-c", WITH_LOGS_OF, str(tmp_path / "packed"), str(tmp_path)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps({**ASKED, "grep": "(a|a)*b"}).encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline().decode().strip() == program.READY
    process.stdin.close()
    try:
        assert process.wait(timeout=60) == 1
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("errors", "meant"),
    [
        ("", "the program on the host ended without a message"),
        ("sudo: a password is required\n", "sudo: a password is required"),
        (
            "[sudo via ansible, key=abc] password:sudo: 3 incorrect password attempts",
            "sudo: 3 incorrect password attempts",
        ),
        ("ValueError: \x1b[2J\x9b31m", "ValueError: \ufffd[2J\ufffd31m"),
    ],
)
def test_why_it_failed_is_one_sentence(errors: str, meant: str) -> None:
    assert stream._why(errors) == f"the logs could not be read: {meant}"
