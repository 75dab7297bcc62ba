# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app that must be one process (`handover: stop_first`): writers all the time, releases one after the other, nothing lost.

The app refuses to start beside another one of itself, and so does its scheduler; its workers may overlap. The tests run in
the file's order on one host.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers import Host, Project, Visitor, wait_for
from processes import PROCESSES, add_to, settled

pytestmark = pytest.mark.once("13")
DOMAIN = "ledger.example.org"
SLOW = "\nif 'RUNTIME_DIRECTORY' in os.environ:\n    __import__('time').sleep(3)\n"
BROKEN = "\nif 'RUNTIME_DIRECTORY' in os.environ:\n    raise RuntimeError('not here')\n"
PAUSE_SECONDS = 0.02


class Ledger:
    """The app's folder, its description, and what is on the host."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project, self.host, self.turn = folder, project, project.host, 0
        shutil.copytree(Path(__file__).parent / "ledger_app", folder)
        add_to(folder)
        self.original = (folder / "app.py").read_text()

    def describe(self) -> None:
        app = {
            "name": "ledger", "domains": [DOMAIN], "source": {"path": str(self.folder)}, "wsgi": "app:app",
            "database": "none", "release_commands": [], "watch_seconds": 0, "shared_folders": ["data"],
            "secrets": {"SECRET_KEY": "5d1f7a5be02d4c6f8a3e5d7b1c9f0e2a"},
            "environment": {"LEDGER": "/srv/ledger/shared/data/rows.json"}, "handover": "stop_first",
            "processes": PROCESSES,
        }  # fmt: skip
        self.project.write({"slipway_apps": [app]})

    def change(self, text: str = "", file: str = "app.py") -> None:
        self.turn += 1
        (self.folder / "app.py").write_text(f"{self.original}\n# {self.turn}\n")
        with (self.folder / file).open("a") as changed:
            changed.write(text)

    def current(self) -> str:
        return self.host.run("basename $(readlink /srv/ledger/current)")

    def rows(self) -> list[str]:
        found: list[str] = json.loads(Visitor(self.host, DOMAIN).get("/").text)["rows"]
        return found

    def running(self) -> list[str]:
        return self.host.run("systemctl list-units --plain --no-legend 'ledger@*' | cut -d' ' -f1").split()


class Writers:
    """Send rows without a pause while the block runs; afterwards each that was acknowledged must be there, once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.over = ledger, threading.Event()
        self.written, self.failed, self.longest = Counter[str](), list[str](), 0.0
        self.releases = set[str]()
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(4)]

    def write(self, number: int) -> None:
        turn = 0
        while not self.over.wait(PAUSE_SECONDS):
            turn += 1
            row, began = f"{self.ledger.turn}-{number}-{turn}", time.monotonic()
            try:
                answer = Visitor(self.ledger.host, DOMAIN).post("/", {"row": row})
                assert answer.status == 201, f"{row} got {answer.status}"
                self.written[row] += 1
                self.releases.add(answer.text)
            except Exception as error:
                self.failed.append(f"{row}: {error!r}")
            self.longest = max(self.longest, time.monotonic() - began)

    def __enter__(self) -> Writers:
        self.ledger.turn += 1  # rows of their own
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def all_kept(self) -> None:
        assert self.failed == []
        assert self.written.total() > 40
        there = Counter(self.ledger.rows())
        assert {row: there[row] for row in self.written} == dict(self.written)
        print(f"{self.written.total()} rows, the longest took {self.longest:.2f} s")


@pytest.fixture(scope="module")
def ledger(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    made = Ledger(tmp_path_factory.mktemp("app") / "ledger", project)
    made.describe()
    project.good("site.yml")
    return made


def test_no_acknowledged_write_is_lost_over_a_release_and_a_rollback(ledger: Ledger) -> None:
    before = ledger.current()
    ledger.change()
    with Writers(ledger) as writers:
        done = ledger.project.good("playbooks/deploy.yml")
        after = ledger.current()
        ledger.project.good("playbooks/rollback.yml")
    writers.all_kept()
    assert f"s while {before} ended and this release started (handover: stop_first)" in done.output
    assert (ledger.current(), writers.releases, ledger.running()) == (
        before,
        {before, after},
        [f"ledger@{before}.service"],
    )
    assert "Processes       tick (never two at once), worker (2 instances)" in done.output
    settled(ledger.host, "ledger")


def test_a_release_that_does_not_start_gives_way_and_no_request_fails(ledger: Ledger) -> None:
    before = ledger.current()
    ledger.change(BROKEN)
    with Writers(ledger) as writers:
        done = ledger.project.play("playbooks/deploy.yml")
    writers.all_kept()
    assert done.code != 0
    assert "The previous release is still live." in done.output
    assert f"did not start; {before} is live again, requests waited" in done.output
    assert "RuntimeError: not here" in done.output
    assert (ledger.current(), ledger.running()) == (before, [f"ledger@{before}.service"])
    settled(ledger.host, "ledger")


@pytest.mark.parametrize(("file", "stage"), [("work.py", "start"), ("tick.py", "switch")])
def test_a_process_that_does_not_run_keeps_the_old_release(ledger: Ledger, file: str, stage: str) -> None:
    before, good = ledger.current(), (ledger.folder / file).read_text()
    (ledger.folder / file).write_text("")
    ledger.change("raise RuntimeError('no broker')\n", file)
    with Writers(ledger) as writers:
        done = ledger.project.play("playbooks/deploy.yml")
    (ledger.folder / file).write_text(good)
    writers.all_kept()
    assert done.code != 0
    assert f"the deploy failed at stage '{stage}'" in done.output and "RuntimeError: no broker" in done.output
    assert (stage == "start") == (writers.releases == {before}), "a worker fails before the old release has ended"
    assert (ledger.current(), ledger.running()) == (before, [f"ledger@{before}.service"])
    settled(ledger.host, "ledger")


KILL = "waiter=$(pgrep -f '[s]ystemd-run.*ledger-handover') && kill -9 $(ps -o ppid= $waiter) $waiter"
"""Ends the host's side of the run, and what it waits with."""


def handing_over(host: Host) -> bool:
    return host.ok("systemctl is-active --quiet ledger-handover")


def test_a_run_that_is_killed_in_the_middle_is_finished_by_systemd_and_a_reboot_starts_one(ledger: Ledger) -> None:
    host = ledger.host
    ledger.change(SLOW)
    with Writers(ledger) as writers:
        run = ledger.project.start("playbooks/deploy.yml")
        wait_for(lambda: handing_over(host), seconds=120)
        host.run(KILL)
        output, _ = run.communicate(timeout=60)
        wait_for(lambda: not handing_over(host), seconds=60)
    assert run.returncode != 0, output
    writers.all_kept()
    current, rows = ledger.current(), ledger.rows()
    host.stop()
    host.up()
    ledger.describe()
    wait_for(lambda: ledger.rows() == rows, seconds=60)
    assert ledger.running() == [f"ledger@{current}.service"]
    done = ledger.project.good("playbooks/deploy.yml")
    assert f"release {current} was made live by a run that did not finish; it is recorded now" in done.output
    assert host.run("ls /etc/systemd/system/multi-user.target.wants | grep ledger@") == f"ledger@{current}.service"
    settled(ledger.host, "ledger")
