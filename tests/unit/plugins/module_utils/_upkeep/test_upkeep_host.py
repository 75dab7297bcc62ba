# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host's upkeep: what is found, mended and told, without a host."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import stored, systemd, webhooks
from ansible_collections.slipway.flask.plugins.module_utils._upkeep import (
    brief,
    check,
    disk,
    due,
    listening,
    memory,
    places,
    reboot,
    restarts,
)
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings

MIB = 1024 * 1024
SETTINGS = Settings(host="web1", window=("03:00", "05:00"), reserve_mb=1, ports=("22/tcp", "443/tcp", "6000-6010/tcp"))


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's folders below TMP_PATH; nothing listens, no unit has failed."""
    state = tmp_path / "state"
    state.mkdir()
    for name in ("CHECKED", "APPLIED", "RESTARTED", "ASKED", "BACK", "FREED"):
        monkeypatch.setattr(places, name, state / getattr(places, name).name)
    monkeypatch.setattr(places, "STATE", state)
    monkeypatch.setattr(places, "RESERVE", tmp_path / "reserve")
    monkeypatch.setattr(places, "DATABASES", ())
    monkeypatch.setattr(places, "SETTINGS", tmp_path / "upkeep.json")
    monkeypatch.setattr(places, "UPDATED", tmp_path / "no-stamp")
    monkeypatch.setattr(places, "BACKUPS_LOCK", tmp_path / "no-lock")
    monkeypatch.setattr(places, "REBOOT", (tmp_path / "reboot-required", tmp_path / "reboot-required.pkgs"))
    monkeypatch.setattr(reboot, "DPKG", tmp_path / "no-dpkg")
    monkeypatch.setattr(disk, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(systemd, "properties", lambda unit, *names: {"ActiveState": "active"})
    monkeypatch.setattr(check.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, "", ""))
    return tmp_path


def used(monkeypatch: pytest.MonkeyPatch, percent: int, free_mb: int) -> None:
    """Let the disk be PERCENT full."""
    monkeypatch.setattr(disk, "usage", lambda folder: disk.Usage(folder, percent, free_mb, 10))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: type("U", (), {"free": free_mb * MIB}))


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        (("03:00", "05:00"), "03:00", True),
        (("03:00", "05:00"), "05:00", False),
        (("03:00", "05:00"), "12:00", False),
        (("23:00", "01:00"), "23:30", True),
        (("23:00", "01:00"), "00:30", True),
        (("23:00", "01:00"), "02:00", False),
    ],
)
def test_a_window_may_go_over_midnight(window: tuple[str, str], at: str, is_open: bool) -> None:
    assert replace(SETTINGS, window=window).is_open(time.fromisoformat(at)) is is_open


@pytest.mark.parametrize(
    ("swap", "memory_mb", "others", "size"),
    [
        ("auto", 960, False, 960),
        ("auto", 400, False, 512),
        ("auto", 1984, False, 1984),
        ("auto", 2048, False, 0),
        ("auto", 960, True, 0),
        ("none", 960, False, 0),
        ("512", 8192, True, 512),
    ],
)
def test_a_small_host_without_swap_gets_as_much_as_it_has_memory(
    swap: str, memory_mb: int, others: bool, size: int
) -> None:
    assert memory.wanted_mb(swap, memory_mb, others) == size


def test_a_swap_file_that_memory_can_not_take_back_is_left_in_use(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SWAP", host / "swapfile")
    monkeypatch.setattr(memory, "SWAPS", host / "swaps")
    places.SWAP.write_bytes(b"in use")
    memory.SWAPS.write_text(f"Filename Type Size Used Priority\n{places.SWAP} file 524284 500000 -2\n")
    full = subprocess.CompletedProcess([], 1, "", "swapoff failed: Cannot allocate memory")
    monkeypatch.setattr(systemd, "systemctl", lambda *arguments: full)
    assert memory.bring(replace(SETTINGS, swap="none")).startswith("the swap file stays as it is")
    assert places.SWAP.read_bytes() == b"in use"


LISTENING = """udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:* users:(("dhclient",pid=1,fd=6))
udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=2,fd=1))
udp UNCONN 0 0 0.0.0.0:5355 0.0.0.0:* users:(("systemd-resolve",pid=2,fd=1))
tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=3,fd=3))
tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=3,fd=4))
tcp LISTEN 0 511 *:443 *:* users:(("nginx",pid=4,fd=5))
tcp LISTEN 0 200 0.0.0.0:5432 0.0.0.0:* users:(("postgres",pid=5,fd=6),("postgres",pid=6,fd=6))
tcp LISTEN 0 200 [::1]:6379 [::]:* users:(("redis",pid=5,fd=6))
tcp LISTEN 0 200 [::ffff:127.0.0.1]:8125 *:* users:(("java",pid=5,fd=6))
tcp LISTEN 0 200 [fe80::1]%eth0:6005 [::]:* users:(("a",pid=5,fd=6))
udp UNCONN 0 0 [fe80::5054:ff:fe12:3456]%ens3:546 [::]:* users:(("systemd-network",pid=7,fd=9))
tcp LISTEN 0 200 10.0.0.4:9100 0.0.0.0:*
"""


def test_what_listens_for_others_and_nobody_asked_for_is_named_with_its_program() -> None:
    said = list(listening.unasked(LISTENING, SETTINGS.ports))
    assert [text.partition(", which")[0] for text in said] == [
        "systemd-resolve listens on port 5355/udp for everybody",
        "postgres listens on port 5432/tcp for everybody",
        "unknown listens on port 9100/tcp for everybody",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"\ntcp a b c x:9 ", "unknown"),
        (b"\ntcp a b c 9:x ", "unknown"),
        (b"\n\x1b[2J a b c *:9", "unknown"),
        (b"\x1b[2J", "?[2J"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_name_that_a_process_gives_itself_spoils_no_status(
    name: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = b'tcp LISTEN 0 128 0.0.0.0:8000 0.0.0.0:* users:(("' + name + b'",pid=5,fd=3))\n'

    def run(argv: Sequence[str], *, errors: str = "strict", **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(list(argv), 0, row.decode(errors=errors), "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(listening.sockets, "ssh_ports", lambda: [22])
    assert [text.partition(", which")[0] for text in listening.look([])] == [
        f"{said} listens on port 8000/tcp for everybody"
    ]


def test_sshd_is_never_unasked_for_whatever_its_port_is(monkeypatch: pytest.MonkeyPatch) -> None:
    row = 'tcp LISTEN 0 128 0.0.0.0:2222 0.0.0.0:* users:(("sshd",pid=98,fd=6))\n'
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 0, row, ""))
    monkeypatch.setattr(listening.sockets, "ssh_ports", lambda: [2222])
    assert listening.look(SETTINGS.ports) == []


def test_a_disk_that_fills_up_is_told_once_and_once_that_all_is_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(webhooks, "post", lambda hooks, message: told.append(message["text"]) or [])
    settings = replace(SETTINGS, notifications=[{"url": "https://chat.test/secret"}])
    for percent in (50, 86, 88, 60, 60):
        used(monkeypatch, percent, 1000)
        check.check(settings)
    assert [text.partition(" MB")[0].replace(str(disk.FOLDERS[0]), "/") for text in told] == [
        "web1: /: the disk is 86 % full, 1000",
        "web1: all is well again",
    ]


def test_where_alerts_tell_of_a_disk_the_notifications_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(webhooks, "post", lambda hooks, message: told.append(message["text"]) or [])
    used(monkeypatch, 86, 1000)
    assert check.check(replace(SETTINGS, notifications=[{"url": "https://chat.test/secret"}], tells_problems=False))
    assert told == []


def test_the_reserve_is_kept_where_there_is_room_and_never_fills_the_disk(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(monkeypatch, 50, 100)
    assert disk.keep(SETTINGS) == []
    assert places.RESERVE.stat().st_size == MIB
    assert places.RESERVE.stat().st_mode & 0o777 == 0o600
    assert disk.give_up() == [], "there is room for a server"
    used(monkeypatch, 100, 0)
    assert disk.give_up() == [places.RESERVE]
    assert not places.RESERVE.exists()
    assert disk.keep(SETTINGS) == [places.RESERVE]
    used(monkeypatch, 50, 100)
    assert disk.keep(replace(SETTINGS, reserve_mb=0)) == []
    assert not places.RESERVE.exists()


class Units:
    """systemd with one cluster that has failed until it is started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        (folder / "clusters/17/main").mkdir(parents=True)
        monkeypatch.setattr(check, "CLUSTERS", folder / "clusters")
        monkeypatch.setattr(check, "SERVERS", ())
        monkeypatch.setattr(systemd, "properties", lambda unit, *_: {"ActiveState": self.state(unit)})
        monkeypatch.setattr(systemd, "is_active", lambda unit: self.state(unit) == "active")
        monkeypatch.setattr(systemd, "systemctl", self.systemctl)
        self.failed, self.calls = True, list[str]()

    def state(self, unit: str) -> str:
        return "failed" if self.failed and unit.startswith("postgresql@") else "active"

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.calls.append(" ".join(words))
        self.failed = words[0] != "start"
        return subprocess.CompletedProcess(words, 0, "", "")


def test_a_server_that_a_full_disk_has_ended_is_started_with_the_space_of_the_reserve(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = Units(monkeypatch, host)
    places.RESERVE.write_bytes(b"x" * MIB)
    used(monkeypatch, 100, 0)
    found = [problem.key for problem in check.problems(SETTINGS)]
    assert units.calls == ["reset-failed postgresql@17-main.service", "start postgresql@17-main.service"]
    assert f"disk:{host}" in found
    assert "server:postgresql@17-main.service" not in found


def test_a_server_that_has_failed_for_another_reason_is_told_of_and_left_alone(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = Units(monkeypatch, host)
    used(monkeypatch, 50, 10_000)
    assert "server:postgresql@17-main.service" in [problem.key for problem in check.problems(SETTINGS)]
    assert units.calls == []


class Needrestart:
    """needrestart that names UNITS, and systemctl; COMMANDS are those that were run, but for the question."""

    def __init__(self, *units: str, failing: str = "") -> None:
        self.units, self.failing, self.commands = units, failing, list[str]()

    def __call__(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if argv[0] == "needrestart":
            text = "NEEDRESTART-VER: 3.11\n" + "".join(f"NEEDRESTART-SVC: {unit}\n" for unit in self.units)
            return subprocess.CompletedProcess(argv, 0, text, "")
        if argv[:2] == ["systemctl", "show"]:
            kind = "oneshot" if ".digest@" in argv[-1] or argv[-1] == "certbot.service" else "notify"
            text = f"Type={kind}\nTransient={'yes' if argv[-1].startswith('run-') else 'no'}\n"
            return subprocess.CompletedProcess(argv, 0, text, "")
        self.commands.append(" ".join(argv))
        return subprocess.CompletedProcess(argv, int(bool(self.failing) and self.failing in argv), "", "")


NIGHT, NOON = datetime(2026, 11, 26, 3, 30), datetime(2026, 11, 26, 12, 0)
ALL = ("nginx.service", "shop@0007-abc.service", "dbus.service", "cron.service", "postgresql@17-main.service",
       "docker.service", "slipway-backup.service")  # fmt: skip


def test_services_are_restarted_in_the_way_that_loses_least_and_databases_before_the_sites() -> None:
    run = Needrestart(*ALL)
    found = restarts.restart(SETTINGS, NIGHT, run)
    assert run.commands == [
        "systemctl try-restart postgresql@17-main.service",
        "systemctl try-restart cron.service",
        "systemctl try-restart shop@0007-abc.service",
        "/etc/init.d/nginx upgrade",
    ]
    assert set(found.left) == {"dbus.service", "docker.service", "slipway-backup.service"}


@pytest.mark.parametrize(
    "unit",
    [
        "ifup@eth0.service",  # with the DHCP client of Debian's ifupdown in it: its stop takes the host off the network
        "networking.service",
        "dhcpcd@eth0.service",
        "netplan-wpa-wlan0.service",
        "tailscaled.service",
        "snap.lxd.daemon.service",
    ],
)
def test_what_would_take_the_host_off_the_network_or_end_containers_is_left_to_a_reboot(unit: str) -> None:
    run = Needrestart(unit)
    found = restarts.restart(SETTINGS, NIGHT, run)
    assert (run.commands, found.left) == ([], [unit])


@pytest.mark.parametrize("unit", ["shop.digest@0007-abc.service", "certbot.service", "run-u12.service"])
def test_a_job_that_runs_at_that_moment_is_not_begun_anew(unit: str) -> None:
    run = Needrestart(unit)
    found = restarts.restart(SETTINGS, NIGHT, run)
    assert (run.commands, found.restarted, found.left) == ([], [], [])


def test_nothing_is_restarted_outside_of_the_window() -> None:
    run = Needrestart(*ALL)
    found = restarts.restart(SETTINGS, NOON, run)
    assert (run.commands, set(found.left)) == ([], set(ALL))


def test_a_service_that_does_not_come_back_is_told_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    restarts.restart(SETTINGS, NIGHT, Needrestart("cron.service", failing="cron.service"))
    monkeypatch.setattr(systemd, "is_active", lambda unit: False)
    used(monkeypatch, 50, 10_000)
    assert "restart:cron.service" in [problem.key for problem in check.problems(SETTINGS)]
    monkeypatch.setattr(systemd, "is_active", lambda unit: True)
    assert restarts.failed() == []


def test_a_reboot_waits_for_a_deploy_and_gives_up_for_the_night(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, slept = list[tuple[str, ...]](), list[float]()
    monkeypatch.setattr(systemd, "systemctl", lambda *words: calls.append(words))
    places.REBOOT[0].touch()
    places.REBOOT[1].write_text("linux-image-6.12\nlibc6\nlinux-image-6.12\n")
    assert due.why() == "linux-image-6.12, libc6"
    monkeypatch.setattr(reboot, "busy", lambda settings: "a deploy of shop")
    assert "a deploy of shop is still under way after 30 minutes" in reboot.reboot(SETTINGS, slept.append)
    assert (calls, sum(slept)) == ([], reboot.WAIT_SECONDS)
    monkeypatch.setattr(reboot, "busy", lambda settings: "")
    assert reboot.reboot(SETTINGS, slept.append) == "rebooting, for linux-image-6.12, libc6"
    assert calls == [("reboot",)]


def test_a_lock_that_somebody_holds_is_seen(host: Path) -> None:
    import fcntl  # noqa: PLC0415  (beside its only use)

    settings = replace(SETTINGS, sites=[{"name": "shop", "domain": "shop.test", "path": "/", "root": str(host)}])
    (host / ".lock").touch()
    assert reboot.busy(settings) == ""
    with (host / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert reboot.busy(settings) == "a deploy of shop"


@pytest.mark.parametrize(
    ("asked", "answers", "told"),
    [
        (True, [""], "web1 has rebooted for libc6: its site answers again"),
        (True, ["/ answered 502", ""], "web1 has rebooted for libc6: its site answers again"),
        (False, [""], ""),
    ],
    ids=["ours", "after a while", "somebody's own"],
)
def test_after_a_reboot_of_ours_it_is_told_that_sites_answer(
    host: Path, monkeypatch: pytest.MonkeyPatch, asked: bool, answers: list[str], told: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(webhooks, "post", lambda hooks, message: said.append(message["text"]) or [])
    monkeypatch.setattr(reboot, "unanswered", lambda site: answers.pop(0) if len(answers) > 1 else answers[0])
    if asked:
        stored.write(places.ASKED, {"boot": "another", "why": "libc6"})
    site = {"name": "shop", "domain": "shop.test", "path": "/", "root": str(host)}
    assert reboot.back(replace(SETTINGS, sites=[site]), lambda seconds: None) == []
    assert [text.partition(" again")[0] + " again" for text in said] == ([told] if told else [])
    assert not places.ASKED.exists()


def test_a_site_that_does_not_come_back_is_told_after_any_boot_and_until_it_answers(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    clock = iter(range(0, 100_000, 100))
    monkeypatch.setattr(reboot.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(webhooks, "post", lambda hooks, message: said.append(message["text"]) or [])
    monkeypatch.setattr(reboot, "unanswered", lambda site: "/ answered 502")
    settings = replace(SETTINGS, sites=[{"name": "shop", "domain": "shop.test", "path": "/", "root": str(host)}])
    text = "shop does not answer after the boot: / answered 502"
    assert reboot.back(settings, lambda seconds: None) == [text]
    assert said == [f"web1 has rebooted: {text}"]
    settings_file = places.SETTINGS
    settings_file.write_text(settings.as_text())
    monkeypatch.setattr(listening, "look", lambda ports: [])
    assert text in brief.brief().problems
    monkeypatch.setattr(reboot, "unanswered", lambda site: "")
    used(monkeypatch, 50, 10_000)
    check.check(settings)
    assert text not in brief.brief().problems


def test_the_status_tells_of_a_reboot_that_is_due_and_of_what_the_host_can_t_do(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "look", lambda ports: [])
    assert brief.brief() == brief.Brief(), "a host that nobody wants looked after"
    places.SETTINGS.write_text(SETTINGS.as_text())
    places.REBOOT[0].touch()
    stored.write(places.APPLIED, {"notes": ["this host is a container"]})
    assert brief.brief().lines == [
        "this host is a container",
        "a reboot is due, for an update: reboot it, or allow it with slipway_updates.reboot",
    ]


def test_a_host_that_is_no_longer_checked_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "look", lambda ports: [])
    places.SETTINGS.write_text(SETTINGS.as_text())
    stored.write(places.CHECKED, {"at": "2026-11-26T10:00:00Z", "problems": []})
    now = stored.time_of("2026-11-26T10:20:00Z")
    assert brief.brief(now).problems == []
    assert "not been checked" in brief.brief(stored.time_of("2026-11-26T11:00:00Z")).problems[0]


def test_secrets_and_unknown_keys_of_another_version_do_not_stop_the_program(host: Path) -> None:
    text: dict[str, Any] = {"host": "web1", "from_tomorrow": True}
    stored.write(places.SETTINGS, text)
    assert Settings.read().host == "web1"
