# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The timers of an app's releases: whose time comes, that none is lost or doubled at a switch, and what is told of runs."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._process import by_hand, members, runs, schedule
from ansible_collections.slipway.flask.plugins.module_utils._process.schedule import Schedule
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record
from fake_host import request_with

OLD, NEW = "0001-aaaaaaa", "0002-bbbbbbb"
DIGEST = {"kind": "schedule", "command": "flask digest", "program": "flask", "schedule": "06:00", "catch_up": True}
HOUR = 3600


class Writing(Context):
    def write(self, path: Path, content: str | bytes, uid: int, gid: int, bits: int) -> None:
        path.write_text(str(content))


class Host:
    """A host with systemd, on which releases of shop with a schedule `digest` are."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.paths = folder, Paths("shop", folder / "srv/shop", folder / "etc/shop")
        self.units, self.wants = folder / "units", folder / "units/timers.target.wants"
        self.units.mkdir()
        for kind in ("service", "timer"):
            (self.units / f"shop.digest@.{kind}").write_text(f"[{kind}]\n")
        self.done: list[str] = []  # what systemctl was told to do
        self.active: set[str] = set()  # timers
        self.running: set[str] = set()  # services
        self.times: dict[str, dict[str, float]] = {}
        self.states: dict[str, dict[str, str]] = {}
        self.runs: list[dict[str, Any]] = []  # what the next start of a service adds
        self.next: float | None = time.time() + HOUR
        self.boot = 0.0
        for module, name, path in (
            (systemd, "UNITS", self.units), (timer, "WANTS", self.wants), (timer, "STAMPS", folder / "stamps"),
            (timer, "MEMORY", folder / "memory"), (runs, "FOLDER", folder / "runs"), (runs, "MISSED", folder / "missed"),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, path)
        monkeypatch.setattr(systemd, "systemctl", self.systemctl)
        monkeypatch.setattr(systemd, "printed", lambda invocation: f"printed by {invocation}\n")
        monkeypatch.setattr(calendar, "next_time", lambda expression, after=None: self.next)
        monkeypatch.setattr(timer, "shown", self.shown)
        monkeypatch.setattr(timer, "booted", lambda: self.boot)
        monkeypatch.setattr(schedule, "SETTLE_SECONDS", 0.2)

    def release(self, name: str, **changes: Any) -> None:
        """Have a release with the schedule, with CHANGES, on the host; without a program if there is a `lacks`."""
        entry = {**DIGEST, **changes}
        settings = self.paths.settings_of(name)
        settings.mkdir(parents=True)
        (settings / "processes.json").write_text(json.dumps({"digest": entry} if entry["command"] else {}))
        (self.paths.settings / "processes.json").write_text(json.dumps({"digest": entry}))
        program = self.paths.release(name) / "venv/bin/flask"
        program.parent.mkdir(parents=True)
        program.write_text("")
        program.chmod(0o755)

    @property
    def digest(self) -> Schedule:
        look = Writing(request_with(), self.paths, Record("", "shop", "", ""))
        return next(one for one in members.processes_of(look) if isinstance(one, Schedule))

    def serve(self, name: str, since: float) -> None:
        """Have the timer of a release run, whose time came last SINCE then."""
        self.digest.write_unit(name)
        self.digest.enable(name)
        self.active.add(f"shop.digest@{name}.timer")
        self.times[f"shop.digest@{name}.timer"] = {"LastTriggerUSec": since, "ActiveEnterTimestamp": since - HOUR}

    def switch(self, name: str, previous: str = "") -> None:
        """Bring a release through what a deploy does with it."""
        self.digest.start(name)
        self.digest.gate(name)
        self.digest.enable(name)
        self.digest.switch_in(name, previous)
        self.digest.look_back(name, previous)

    def stamp(self, name: str) -> float:
        """Return from when on a release's timer has gone, as hours before now."""
        return round((time.time() - (self.folder / f"stamps/stamp-shop.digest@{name}.timer").stat().st_mtime) / HOUR, 1)

    def miss(self) -> None:
        (self.folder / "missed").mkdir(exist_ok=True)
        (self.folder / "missed/shop.digest").touch()

    def ran(self, **changes: Any) -> None:
        run = {
            "release": OLD,
            "started": time.time() - 60,
            "seconds": 3,
            "result": "success",
            "status": "0",
            "invocation": "f00",
        }
        (self.folder / "runs").mkdir(exist_ok=True)
        file = self.folder / "runs/shop.digest.json"
        known = json.loads(file.read_text())["runs"] if file.exists() else []
        file.write_text(json.dumps({"runs": [{**run, **changes}, *known], "skipped": 0, "told": 0}))

    def shown(self, unit: str, *which: str) -> str:
        """Return the times of a timer as `systemctl show` does."""
        found = self.times.get(unit, {}) if unit in self.active else {}
        rows = {
            name: time.strftime("%a %Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
            for name, moment in found.items()
            if moment
        }
        return "".join(f"{name}={rows.get(name, '')}\n" for name in which)

    def systemctl(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        unit, out, code = arguments[-1] if arguments else "", "", 0
        if verb == "is-active":
            code = 0 if unit in self.active else 3
        elif verb == "show":
            state = "activating" if unit in self.running else "active" if unit in self.active else "inactive"
            shown = {"ActiveState": state, "LoadState": "loaded", "SubState": "start", "TimeoutStartUSec": "1h",
                     **self.states.get(unit, {})}  # fmt: skip
            out = "\n".join(f"{name}={value}" for name, value in shown.items())
        elif verb == "list-units":
            kind = unit.rpartition(".")[2]
            there = sorted(self.active if kind == "timer" else self.running)
            out = "\n".join(f"{one} loaded activating x" for one in there if one.startswith("shop.digest@"))
        else:
            self.done.append(" ".join([verb, *arguments]))
            if verb == "start" and unit.endswith(".timer"):
                self.active.add(unit)
            elif verb == "stop":
                self.active -= set(arguments)
                self.running -= set(arguments)
            elif verb == "start" and self.runs:
                self.ran(**self.runs.pop())
        return subprocess.CompletedProcess([verb], code, out, "")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


# ---- before the switch -----------------------------------------------------------------------------------------------


def test_nothing_runs_before_the_switch(host: Host) -> None:
    host.release(NEW)
    host.digest.start(NEW)
    host.digest.gate(NEW)
    assert host.done == [] and not host.active
    assert {path.name for path in host.units.glob(f"*@{NEW}*")} == {
        f"shop.digest@{NEW}.service",
        f"shop.digest@{NEW}.timer",
    }


def test_a_release_whose_program_is_not_there_is_refused(host: Host) -> None:
    host.release(NEW, program="celery")
    with pytest.raises(ReleaseError, match="digest can't start: there is no program 'celery'"):
        host.digest.start(NEW)


def test_a_time_that_never_comes_is_refused(host: Host) -> None:
    host.release(NEW, schedule="*-02-30")
    host.next = None
    with pytest.raises(ReleaseError, match=r"digest would never run: '\*-02-30' never occurs again"):
        host.digest.start(NEW)


def test_a_time_that_the_hosts_own_systemd_does_not_take_is_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise systemd.HostError("systemd on this host does not accept '06:00 Europe/Berlin'")

    monkeypatch.setattr(calendar, "next_time", refuse)
    host.release(NEW, schedule="06:00 Europe/Berlin")
    with pytest.raises(ReleaseError, match="digest: systemd on this host does not accept"):
        host.digest.start(NEW)


def test_a_unit_that_systemd_can_not_load_is_refused(host: Host) -> None:
    host.release(NEW)
    host.states[f"shop.digest@{NEW}.timer"] = {"LoadState": "bad-setting", "LoadError": ""}
    with pytest.raises(ReleaseError, match="systemd can't load shop.digest@0002-bbbbbbb.timer: bad-setting"):
        host.digest.start(NEW)


# ---- the switch ------------------------------------------------------------------------------------------------------


def test_the_first_release_waits_for_the_next_time(host: Host) -> None:
    host.release(NEW)
    host.switch(NEW)
    assert host.active == {f"shop.digest@{NEW}.timer"} and host.stamp(NEW) == 0
    assert os.readlink(host.wants / f"shop.digest@{NEW}.timer") == str(host.units / f"shop.digest@{NEW}.timer")


def test_the_new_timer_goes_on_from_where_the_old_one_has_come_to(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 23.5 * HOUR)
    host.release(NEW)
    host.switch(NEW, OLD)
    assert host.active == {f"shop.digest@{NEW}.timer"} and host.stamp(NEW) == 23.5
    assert [link.name for link in host.wants.iterdir()] == [f"shop.digest@{NEW}.timer"]
    stop, start = f"stop shop.digest@{OLD}.timer", f"start shop.digest@{NEW}.timer"
    assert host.done.index(stop) < host.done.index(start)


def test_a_schedule_that_changed_begins_with_the_switch(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 20 * HOUR)
    host.release(NEW, schedule="05:00")
    host.switch(NEW, OLD)
    assert host.stamp(NEW) == 0


def test_a_time_that_came_after_the_switch_for_the_old_release_is_made_up_for_once(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 24 * HOUR)
    host.release(NEW)
    host.miss()
    host.switch(NEW, OLD)
    assert host.stamp(NEW) == 0, "else systemd would run it for the same time once more"
    assert host.done.count(f"start --no-block shop.digest@{NEW}.service") == 1
    host.digest.switch_in(NEW, OLD)  # a run that was killed is gone through again
    host.digest.resume(NEW)
    assert host.done.count(f"start --no-block shop.digest@{NEW}.service") == 1


@pytest.mark.parametrize("about", [{"SubState": "condition"}, {"Job": "4711"}, {"SubState": "stop-post"}])
def test_the_switch_waits_for_a_run_that_is_about_to_be_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch, about: dict[str, str]
) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - HOUR)
    host.release(NEW)
    host.states[f"shop.digest@{OLD}.service"] = about

    def sleep(seconds: float) -> None:
        host.states[f"shop.digest@{OLD}.service"] = {"SubState": "dead"}
        host.miss()

    monkeypatch.setattr(schedule.time, "sleep", sleep)
    host.switch(NEW, OLD)
    assert f"start --no-block shop.digest@{NEW}.service" in host.done


def test_a_run_under_way_is_not_ended_by_the_switch_and_nobody_waits_for_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("the deploy waits")

    monkeypatch.setattr(schedule.time, "sleep", sleep)
    host.release(OLD)
    host.serve(OLD, time.time() - 60)
    host.running.add(f"shop.digest@{OLD}.service")
    host.states[f"shop.digest@{OLD}.service"] = {"Job": "4711"}  # of a oneshot, the job lasts as long as the run
    host.release(NEW)
    host.switch(NEW, OLD)
    host.digest.drain(OLD, NEW)
    host.digest.leave(OLD)
    assert f"shop.digest@{OLD}.service" in host.running
    (drains,) = host.digest.draining()
    assert (drains.release, drains.process, drains.work, drains.awaited) == (OLD, "digest", "run", False)
    assert drains.said().startswith(f"{OLD} is draining: 1 run, at most ")


def test_a_rollback_takes_the_timer_back_with_its_time(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 2 * HOUR)
    host.release(NEW)
    host.switch(NEW, OLD)
    host.times[f"shop.digest@{NEW}.timer"] = {"LastTriggerUSec": time.time() - HOUR}
    host.digest.switch_back(NEW, OLD)
    assert host.active == {f"shop.digest@{OLD}.timer"} and host.stamp(OLD) == 1


def test_the_first_release_that_fails_after_the_switch_leaves_no_timer(host: Host) -> None:
    host.release(NEW)
    host.switch(NEW)
    host.digest.switch_back(NEW, "")
    host.digest.stop(NEW)
    host.digest.forget(NEW)
    assert not host.active and not list(host.wants.iterdir())


def test_a_schedule_that_comes_back_after_a_release_without_it_begins_anew(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 70 * HOUR)
    host.release(NEW)
    host.switch(NEW, OLD)
    host.release("0003-ccccccc", command="")
    host.switch("0003-ccccccc", NEW)
    host.digest.switch_in(OLD, "")
    assert host.stamp(OLD) == 0


def test_a_run_that_was_killed_between_both_timers_loses_no_time(host: Host) -> None:
    host.release(OLD)
    host.switch(OLD)
    stamp = host.folder / f"stamps/stamp-shop.digest@{OLD}.timer"
    os.utime(stamp, (time.time() - 7 * HOUR,) * 2)
    host.active.clear()
    host.release(NEW)
    host.switch(NEW, OLD)
    assert host.stamp(NEW) == 7


def test_a_release_without_the_schedule_ends_that_of_the_one_before(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - HOUR)
    host.release(NEW, command="")
    host.switch(NEW, OLD)
    assert not host.active and not list(host.wants.iterdir())
    assert not host.digest.has(NEW)


# ---- catch_up: false -------------------------------------------------------------------------------------------------


def test_without_catch_up_the_stamp_counts_until_the_host_restarts(host: Host) -> None:
    host.release(OLD, catch_up=False)
    host.serve(OLD, time.time() - 5 * HOUR)
    host.release(NEW, catch_up=False)
    host.switch(NEW, OLD)
    assert host.stamp(NEW) == 5
    assert (
        host.folder / f"memory/shop.digest@{NEW}.timer.d/persistent.conf"
    ).read_text() == "[Timer]\nPersistent=yes\n"
    assert "daemon-reload" not in host.done, "systemd had not met it"


def test_without_catch_up_what_came_while_the_host_was_off_is_not_made_up_for(host: Host) -> None:
    host.release(OLD, catch_up=False)
    host.serve(OLD, 0)
    stamp = host.folder / f"stamps/stamp-shop.digest@{OLD}.timer"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (time.time() - 50 * HOUR,) * 2)
    host.boot = time.time() - 3 * HOUR
    host.times[f"shop.digest@{OLD}.timer"] = {"ActiveEnterTimestamp": time.time() - 3 * HOUR}
    host.release(NEW, catch_up=False)
    host.switch(NEW, OLD)
    assert host.stamp(NEW) == 3


def test_without_catch_up_what_has_run_since_the_restart_does_not_run_again(host: Host) -> None:
    host.release(OLD, catch_up=False)
    host.serve(OLD, time.time() - HOUR)
    host.boot = time.time() - 30 * HOUR
    host.times[f"shop.digest@{OLD}.timer"]["ActiveEnterTimestamp"] = host.boot
    host.release(NEW, catch_up=False)
    host.switch(NEW, OLD)
    assert host.stamp(NEW) == 1


def test_after_a_restart_a_timer_that_is_rolled_back_to_is_read_again(host: Host) -> None:
    host.release(OLD, catch_up=False)
    host.digest.write_unit(OLD)
    (host.folder / f"memory/shop.digest@{OLD}.timer.d/persistent.conf").unlink()
    host.release(NEW, catch_up=False)
    host.digest.switch_back(NEW, OLD)
    assert host.done.index("daemon-reload") < host.done.index(f"start shop.digest@{OLD}.timer")


# ---- what is on the host ---------------------------------------------------------------------------------------------


def test_what_serves_and_was_ended_by_a_killed_run_is_started_again(host: Host) -> None:
    host.release(NEW)
    host.digest.resume(NEW)
    assert f"start shop.digest@{NEW}.timer" in host.done
    host.done.clear()
    host.digest.resume(NEW)
    assert host.done == []


def test_all_of_a_removed_release_goes(host: Host) -> None:
    host.release(NEW, catch_up=False)
    host.switch(NEW)
    assert host.digest.releases() == host.digest.with_unit() == {NEW}
    host.digest.stop(NEW)
    host.digest.forget(NEW)
    left = {str(path.relative_to(host.folder)) for path in host.folder.rglob("*") if NEW in path.name}
    assert {path for path in left if not path.startswith(("srv", "etc"))} == set()
    assert host.digest.releases() == host.digest.with_unit() == set()


def test_a_run_that_failed_is_told_with_its_last_lines_and_without_secrets(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 60)
    host.paths.environment_file(OLD).write_text('SMTP_PASSWORD="s3cr3t-0123456789"\n')
    host.ran(result="exit-code", status="3", output="Traceback\nlogin s3cr3t-0123456789 refused", started=1795672800)
    found = host.digest.status(OLD)
    assert host.digest.problems(OLD, found) == [
        "digest: the last run failed with status 3, started 2026-11-26 06:00 UTC, took 3 s, release 0001-aaaaaaa. "
        "Its last lines:\nTraceback\nlogin ******** refused"
    ]
    assert "s3cr3t" not in json.dumps(found)


def test_a_secret_that_a_release_since_has_another_value_of_is_masked_as_well(host: Host) -> None:
    for release, value in ((OLD, "s3cr3t-before"), (NEW, "s3cr3t-since")):
        host.release(release)
        host.paths.environment_file(release).write_text(f'SMTP_PASSWORD="{value}"\n')
    host.ran(release=OLD, result="exit-code", status="3", output="login s3cr3t-before refused")
    assert host.digest.status(NEW)["output"] == "login ******** refused"


def test_a_schedule_that_is_well_is_told_in_one_line(host: Host) -> None:
    host.release(OLD)
    host.serve(OLD, time.time() - 60)
    host.next = 4951432800  # not over before this code is
    found = host.digest.status(OLD)
    assert found["said"] == "digest: next 2126-11-27 06:00 UTC; it has not run yet"
    host.ran(started=1795672800)
    found = host.digest.status(OLD)
    assert found["said"] == (
        "digest: next 2126-11-27 06:00 UTC; the last run succeeded, started 2026-11-26 06:00 UTC, took 3 s, "
        "release 0001-aaaaaaa"
    )
    assert host.digest.problems(OLD, found) == []
    assert host.digest.outline() == host.digest.outline(OLD) == "digest at 06:00 (next 2126-11-27 06:00 UTC)"


def test_a_host_that_can_not_tell_the_next_time_has_a_status_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise systemd.HostError("systemd on this host does not accept '06:00 Europe/Berlin': Invalid argument")

    monkeypatch.setattr(calendar, "next_time", refuse)
    host.release(OLD)
    host.serve(OLD, time.time() - 60)
    found = host.digest.status(OLD)
    assert found["said"].startswith("digest: next unknown: systemd on this host does not accept")
    assert host.digest.problems(OLD, found) == []


def test_a_time_that_was_skipped_is_told_until_the_next_run(host: Host) -> None:
    run = runs.Run(OLD, 1795672800, 400, "success")
    assert runs.Runs((run,), 1795673100).said().endswith("; 2026-11-26 06:05 UTC was skipped, as a run was under way")
    assert "skipped" not in runs.Runs((run,), 1795672500).said()


def test_a_timer_that_does_not_run_and_a_time_that_passed_are_told(host: Host) -> None:
    host.release(OLD)
    host.digest.write_unit(OLD)
    host.ran(started=time.time() - 30 * HOUR)
    host.next = time.time() - HOUR
    said = host.digest.problems(OLD, host.digest.status(OLD))
    assert said == [
        f"shop.digest@{OLD}.timer is inactive, so digest never runs; see journalctl -u shop.digest@{OLD}.timer",
        f"digest should have run at {calendar.told(host.next)} and has not",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"runs": [1]}', '{"runs": [{"release": "x"}]}'])
def test_runs_that_can_not_be_read_are_none(host: Host, text: str) -> None:
    (host.folder / "runs").mkdir()
    (host.folder / "runs/shop.digest.json").write_text(text)
    assert runs.read("shop", "digest") == runs.Runs()


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_a_run_by_hand_goes_through_the_unit_and_tells_its_status_and_output(host: Host) -> None:
    host.release(OLD)
    host.runs = [{"result": "exit-code", "status": "3", "invocation": "b4d"}, {"invocation": "g00d"}]
    digest = by_hand.named([host.digest], "digest", OLD)
    assert by_hand.run(digest, OLD) == (0, "printed by g00d\n", "succeeded")
    assert by_hand.run(digest, OLD) == (3, "printed by b4d\n", "failed with status 3")
    assert host.done == [f"start shop.digest@{OLD}.service"] * 2


@pytest.mark.parametrize(("result", "status"), [("signal", "TERM"), ("timeout", "TERM"), ("oom-kill", "KILL")])
def test_a_run_by_hand_that_was_ended_has_failed(host: Host, result: str, status: str) -> None:
    host.release(OLD)
    host.runs = [{"result": result, "status": status, "invocation": "b4d"}]
    assert by_hand.run(host.digest, OLD)[0] == 1


def test_a_run_by_hand_is_refused_beside_one_of_an_older_release(host: Host) -> None:
    host.release(OLD)
    with pytest.raises(ReleaseError, match="a run of an older release is under way, and there is never more than one"):
        by_hand.run(host.digest, OLD)


def test_a_schedule_that_the_release_does_not_have_is_told_with_those_that_it_has(host: Host) -> None:
    host.release(OLD)
    with pytest.raises(ReleaseError, match="release 0001-aaaaaaa has no schedule 'report' on this host; it has digest"):
        by_hand.named([host.digest], "report", OLD)
