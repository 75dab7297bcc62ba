# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written before packages are installed."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import packages


def test_files_that_an_installation_reads_are_there_before_it_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "etc/common/conf.d/own.conf"
    packages.write_first({str(path): "make = false\n"})
    assert path.read_text() == "make = false\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_somebody_wrote_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own.conf"
    path.write_text("make = true\n")
    packages.write_first({str(path): "make = false\n", str(tmp_path / "other.conf"): "x\n"})
    assert path.read_text() == "make = true\n"
    assert (tmp_path / "other.conf").read_text() == "x\n", "the others are still written"


def test_a_drop_in_is_not_written_for_a_unit_that_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis that somebody runs must not be kept from starting because something else is installed."""
    monkeypatch.setattr(packages, "UNIT_FOLDERS", (tmp_path / "lib",))
    (tmp_path / "lib").mkdir()
    path = tmp_path / "etc/redis-server.service.d/slipway.conf"
    (tmp_path / "lib/redis-server.service").write_text("[Service]\n")
    packages.write_first({str(path): "[Unit]\n"})
    assert not path.exists()
    (tmp_path / "lib/redis-server.service").unlink()
    packages.write_first({str(path): "[Unit]\n"})
    assert path.read_text() == "[Unit]\n"


def test_a_unit_is_not_masked_that_is_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, theirs = tmp_path / "etc", tmp_path / "lib"
    own.mkdir()
    theirs.mkdir()
    monkeypatch.setattr(packages, "UNIT_FOLDERS", (own, theirs))
    (theirs / "rsyslog.service").write_text("[Service]\n")
    packages.write_first({str(own / "rsyslog.service"): ""})
    assert not (own / "rsyslog.service").exists()
    (theirs / "rsyslog.service").unlink()
    packages.write_first({str(own / "rsyslog.service"): ""})
    assert (own / "rsyslog.service").read_text() == ""


LISTS = (
    "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)\n"
    "E: Unable to lock directory /var/lib/apt/lists/\n"
)
DPKG = (
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)\n"
    "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?\n"
)


class Apt:
    """apt-get whose next calls end with ANSWERS (what it says on failure, "" for success), and a clock that tells the pauses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
        self.answers, self.calls, self.slept = list(answers), list[str](), 0.0
        monkeypatch.setattr(packages.subprocess, "run", self.run)
        monkeypatch.setattr(packages.time, "sleep", self.sleep)
        monkeypatch.setattr(packages, "lists_age", lambda: 0.0)

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.calls.append("install" if "install" in command else "update")
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return subprocess.CompletedProcess(command, 100 if said else 0, "", said)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.mark.parametrize(("said", "holder"), [(LISTS, "apt-get"), (DPKG, "unattended-upgr")], ids=["lists", "dpkg"])
def test_another_run_of_apt_is_waited_for_and_named(monkeypatch: pytest.MonkeyPatch, said: str, holder: str) -> None:
    """DPkg::Lock::Timeout doesn't wait for the lock of the lists, which the daily update has at night."""
    apt = Apt(monkeypatch, said, said, "")
    assert packages.install(["nginx"], 60, 600) == f"waited {apt.slept:.0f} s for {holder}, which had locked APT"
    assert apt.calls == ["install"] * 3


def test_nobody_who_was_not_waited_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt(monkeypatch, "")
    assert packages.install(["nginx"], 60, 600) == ""
    assert (apt.calls, apt.slept) == (["install"], 0.0)


def test_a_lock_that_is_never_let_go_ends_the_wait_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt(monkeypatch, DPKG)
    with pytest.raises(packages.PackagesError, match=r"failed \(waited 60 s for unattended-upgr") as told:
        packages.install(["nginx"], 60, 60)
    assert "Could not get lock" in str(told.value)
    assert apt.slept == 60, "the time is one for all calls of apt-get together"


def test_what_is_no_lock_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt(monkeypatch, "E: Unable to locate package ngingx\n")
    with pytest.raises(packages.PackagesError, match="Unable to locate"):
        packages.install(["ngingx"], 60, 600)
    assert apt.slept == 0


@pytest.mark.parametrize(
    ("names", "installed", "wanted"),
    [
        (["nginx", "openssl"], ["openssl"], ["nginx"]),
        (["systemd-timesyncd | chrony"], [], ["systemd-timesyncd"]),
        (["systemd-timesyncd | chrony"], ["chrony"], []),
        (["systemd-timesyncd|chrony"], ["systemd-timesyncd"], []),
        (["nginx", "nginx"], [], ["nginx"]),
    ],
)
def test_of_alternatives_the_first_is_wanted_when_there_is_none(
    names: list[str], installed: list[str], wanted: list[str]
) -> None:
    """Debian's chrony and systemd-timesyncd remove each other: a host keeps the one that it has."""
    assert packages.lacking(names, installed) == wanted


@pytest.mark.parametrize(("age", "without"), [(float("inf"), True), (90_000.0, False)], ids=["none", "old"])
def test_only_a_host_without_any_lists_fetches_them_without_descriptions(
    monkeypatch: pytest.MonkeyPatch, age: float, without: bool
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", run)
    monkeypatch.setattr(packages, "lists_age", lambda: age)
    packages.install(["nginx"], 86_400, 60)
    assert [("-oAcquire::Languages=none" in command) for command in commands if "update" in command] == [without]
