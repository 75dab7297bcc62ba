# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What systemd calls when a run of a schedule is over: it writes down how it ended, and tells webhooks of a failure."""

from __future__ import annotations

import http.server
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / "roles/gunicorn_systemd/templates/run-ended.j2"
SHOWN = "ExecMainStartTimestamp=@1795672800\nExecMainStartTimestampMonotonic=1000000\nExecMainExitTimestampMonotonic=13500000"


class Host:
    """A host with systemd's programs, on which runs of shop's schedule `digest` end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "runs/shop.digest.json"
        text = TEMPLATE.read_text().replace("{{ ansible_managed | comment }}", "# Ansible managed")
        assert "{{" not in text and "{%" not in text
        text = text.replace("/var/lib/slipway/runs", str(folder / "runs")).replace(
            "/run/slipway/missed", str(folder / "missed")
        )
        text = text.replace('PROGRAMS = "/usr/bin:/bin"', f'PROGRAMS = "{folder}/bin:/usr/bin:/bin"')
        (folder / "run-ended").write_text(text)
        (folder / "bin").mkdir()
        self.timers("inactive")
        self.prints("hello\n")
        self.program("logger", f'echo "$*" >> {folder}/log\n')
        (folder / "releases/2-b").mkdir(parents=True)
        (folder / "current").symlink_to("releases/2-b")
        self.webhooks: list[dict[str, str]] = []

    def timers(self, state: str) -> None:
        """Have the timer of the live release in this STATE."""
        self.program("systemctl", f"[ $1 = is-active ] && echo {state} && exit\ncat <<'EOF'\n{SHOWN}\nEOF\n")

    def program(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def prints(self, text: str) -> None:
        (self.folder / "journal").write_text(text)
        self.program("journalctl", f'case "$*" in *--sync*) ;; *) cat {self.folder}/journal ;; esac\n')

    def end(self, result: str, status: str = "", release: str = "2-b", timer: bool = True) -> None:
        (self.folder / "notifications.json").write_text(json.dumps(self.webhooks))
        environment = {
            "PATH": f"{self.folder}/venv/bin:{os.environ['PATH']}", "SERVICE_RESULT": result, "EXIT_STATUS": status,
            "INVOCATION_ID": "f00", **({"TRIGGER_UNIT": "shop.digest@2-b.timer"} if timer else {}),
        }  # fmt: skip
        arguments = ["shop", "digest", release, str(self.folder / "current"), str(self.folder / "notifications.json")]
        done = subprocess.run(
            [sys.executable, str(self.folder / "run-ended"), *arguments],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("", ""), "it would stand in the run's own output"

    @property
    def known(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    @property
    def missed(self) -> bool:
        return (self.folder / "missed/shop.digest").exists()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def posted(host: Host) -> Iterator[list[dict[str, Any]]]:
    """What a webhook that the host has was sent."""
    found: list[dict[str, Any]] = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host.webhooks = [{"url": f"http://127.0.0.1:{server.server_port}/T0P-SECRET", "format": "slipway"}]
    yield found
    server.shutdown()
    server.server_close()


def test_a_run_is_written_down_for_root_alone(host: Host) -> None:
    host.end("success", "0")
    assert host.known["runs"] == [
        {
            "release": "2-b", "started": 1795672800, "seconds": 12.5, "result": "success", "status": "0",
            "invocation": "f00", "output": "hello",
        }
    ]  # fmt: skip
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.file.parent.stat().st_mode) == 0o700


def test_root_runs_no_program_of_the_apps_however_it_is_called(host: Host) -> None:
    (host.folder / "venv/bin").mkdir(parents=True)
    for name in ("systemctl", "journalctl", "logger", "python3", "sh", "cat"):
        trap = host.folder / "venv/bin" / name
        trap.write_text(f'#!/bin/sh\necho "$0" >> {host.folder}/caught\n')
        trap.chmod(0o755)
    host.webhooks = [{"url": "http://127.0.0.1:1/T0P-SECRET", "format": "slipway"}]
    host.end("exit-code", "3")
    assert host.known["runs"][0]["output"] == "hello"
    assert "could not be sent" in (host.folder / "log").read_text()
    assert not (host.folder / "caught").exists()


def test_what_is_kept_is_bounded_whatever_the_app_prints_and_however_often_it_runs(host: Host) -> None:
    host.prints("x" * 100_000 + "\n")
    for _ in range(25):
        host.end("exit-code", "3")
    host.prints("fine\n")
    host.end("success", "0")
    runs = host.known["runs"]
    assert len(runs) == 20
    assert [run.get("output", "")[:4] for run in runs] == ["fine", "xxxx", *[""] * 18]
    assert len(runs[1]["output"]) == 500


def test_a_time_of_a_release_that_serves_no_more_is_left_for_the_one_that_does(host: Host) -> None:
    host.end("exec-condition", release="1-a")
    assert host.missed and not host.file.exists()


def test_a_timer_that_was_left_beside_the_one_that_serves_takes_nothing_from_it(host: Host) -> None:
    host.timers("active")
    host.end("exec-condition", release="1-a")
    assert not host.missed, "else the time would be run twice"


def test_a_person_who_starts_an_old_release_leaves_nothing_to_make_up_for(host: Host) -> None:
    host.end("exec-condition", release="1-a", timer=False)
    assert not host.missed


def test_a_time_that_came_while_a_run_was_under_way_is_skipped_and_said(host: Host) -> None:
    host.end("exec-condition")
    assert not host.missed
    assert host.known["runs"] == [] and abs(host.known["skipped"] - time.time()) < 60


def test_the_first_failure_is_told_then_one_an_hour_and_that_it_is_over(
    host: Host, posted: list[dict[str, Any]]
) -> None:
    host.end("success", "0")
    host.end("exit-code", "3")
    host.end("exit-code", "3")
    assert [told["outcome"] for told in posted] == ["failed"]
    known = host.known
    host.file.write_text(json.dumps({**known, "told": known["told"] - 3601}))
    host.end("timeout", "TERM")
    host.end("success", "0")
    host.end("success", "0")
    assert [told["text"].partition(": ")[2] for told in posted] == [
        "the schedule 'digest' failed: status 3",
        "the schedule 'digest' failed: it took longer than its timeout_seconds",
        "the schedule 'digest' succeeded again",
    ]
    assert posted[0]["what"] == "schedule" and posted[0]["schedule"] == "digest" and posted[0]["release"] == "2-b"


def test_what_the_app_printed_is_in_no_message(host: Host, posted: list[dict[str, Any]]) -> None:
    host.prints("password=s3cr3t-0123456789\n")
    host.end("exit-code", "3")
    assert posted and "s3cr3t" not in json.dumps(posted)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/T0P-SECRET", "gopher://T0P-SECRET", "http://[T0P-SECRET"])
def test_a_webhook_that_can_not_be_told_decides_nothing_and_is_not_shown(host: Host, url: str) -> None:
    host.webhooks = [{"url": url}]
    host.end("exit-code", "3")
    said = (host.folder / "log").read_text()
    assert "notification 1 of shop's schedule 'digest' could not be sent" in said and "T0P-SECRET" not in said
    assert host.known["runs"][0]["status"] == "3"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runs": 5}'])
def test_a_file_that_can_not_be_read_is_begun_anew(host: Host, text: str) -> None:
    host.file.parent.mkdir()
    host.file.write_text(text)
    host.end("success", "0")
    assert len(host.known["runs"]) == 1


@pytest.mark.parametrize(("style", "key"), [("slack", "text"), ("discord", "content")])
def test_a_chat_gets_a_message_of_its_form(host: Host, posted: list[dict[str, Any]], style: str, key: str) -> None:
    host.webhooks[0]["format"] = style
    host.end("exit-code", "3")
    assert "the schedule 'digest' failed: status 3" in posted[0][key]
