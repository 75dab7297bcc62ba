# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the doctor says of a system: its release, clock, units, and what waits for a restart."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._doctor import support, system
from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import UnknownError
from examined_host import FakeHost

TODAY = date(2026, 11, 26)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


@pytest.mark.parametrize(
    ("name", "version", "today", "level", "words"),
    [
        ("debian", "13", TODAY, "", ""),
        ("ubuntu", "24.04", TODAY, "", ""),
        ("debian", "12", TODAY, "note", "from Debian's LTS team now, until 2028-06-30"),
        ("debian", "11", TODAY, "problem", "has had no security updates since 2026-08-31"),
        ("debian", "11", date(2026, 8, 31), "note", "until 2026-08-31 only"),
        ("ubuntu", "22.04", TODAY, "note", "until 2027-04-30 only"),
        ("ubuntu", "25.04", TODAY, "problem", "since 2026-01-31"),
    ],
)
def test_a_distribution_is_told_by_the_day_its_support_ends(
    host: FakeHost, name: str, version: str, today: date, level: str, words: str
) -> None:
    host.write("/etc/os-release", f'PRETTY_NAME="{name} {version}"\nID={name}\nVERSION_ID="{version}"\n')
    found = list(system.distribution(host, today))
    assert [one.level for one in found] == [level] * bool(level)
    assert all(words in one.says for one in found)


def test_a_distribution_that_nobody_has_listed_is_not_called_well(host: FakeHost) -> None:
    host.write("/etc/os-release", "ID=arch\nPRETTY_NAME=Arch\n")
    with pytest.raises(UnknownError, match="Arch"):
        list(system.distribution(host, TODAY))


def test_no_support_ends_before_it_began() -> None:
    assert all(
        support.DEBIAN_TEAM[version] < support.DISTRIBUTIONS["debian", version] for version in support.DEBIAN_TEAM
    )


@pytest.mark.parametrize(
    ("said", "container", "words"),
    [
        ("NTP=yes\nNTPSynchronized=yes\n", False, None),
        ("NTP=no\nNTPSynchronized=yes\n", False, None),
        ("NTP=no\nNTPSynchronized=no\n", False, "no time service is running"),
        ("NTP=yes\nNTPSynchronized=no\n", False, "has reached no server yet"),
        ("NTP=no\nNTPSynchronized=no\n", True, None),
    ],
)
def test_a_clock_that_is_not_kept_right_is_a_problem(
    tmp_path: Path, said: str, container: bool, words: str | None
) -> None:
    found = list(system.clock(FakeHost(tmp_path, {"timedatectl show": said}, container)))
    assert [words in one.says for one in found if words] == [True] * bool(words)


def test_failed_units_are_named_with_what_shows_why(host: FakeHost) -> None:
    host.said["systemctl list-units"] = "shop@1.service loaded failed failed Shop\nx.timer loaded failed failed X\n"
    (found,) = system.units(host)
    assert found.says == "2 units failed: shop@1.service, x.timer"
    assert "journalctl -u shop@1.service" in found.do


def test_a_host_without_failed_units_is_well(host: FakeHost) -> None:
    host.said["systemctl list-units"] = ""
    assert list(system.units(host)) == []


def test_units_are_unknown_where_systemd_does_not_answer(host: FakeHost) -> None:
    with pytest.raises(UnknownError):
        list(system.units(host))


@pytest.mark.parametrize(
    ("kind", "state", "condition", "is_told"),
    [
        ("notify", "inactive", "yes", True),
        ("forking", "inactive", "yes", True),
        ("notify", "active", "yes", False),
        ("notify", "failed", "yes", False),
        ("oneshot", "inactive", "yes", False),
        ("simple", "inactive", "no", False),
    ],
)
def test_a_service_that_somebody_stopped_is_told(
    host: FakeHost, kind: str, state: str, condition: str, is_told: bool
) -> None:
    host.write(f"{system.WANTS}/nginx.service")
    other = "Id=cron.service\nType=simple\nActiveState=active\nConditionResult=yes\n\n"
    host.said["systemctl show"] = (
        f"{other}Id=nginx.service\nType={kind}\nActiveState={state}\nConditionResult={condition}\n"
    )
    assert [one.says.split()[0] for one in system.stopped(host)] == ["nginx.service"] * is_told


def test_a_reboot_that_is_due_says_for_what(host: FakeHost) -> None:
    host.write("/run/reboot-required")
    host.write("/run/reboot-required.pkgs", "linux-image-amd64\nlibc6\nlibc6\n")
    assert [one.says for one in system.reboot(host)] == ["the host must be rebooted for libc6, linux-image-amd64"]


@pytest.mark.parametrize(
    ("installed", "running", "container", "is_due"),
    [
        (["6.12.48+deb13-amd64", "6.12.9+deb13-amd64"], "6.12.9+deb13-amd64", False, True),
        (["6.12.48+deb13-amd64", "6.12.9+deb13-amd64"], "6.12.48+deb13-amd64", False, False),
        (["6.12.48+deb13-amd64"], "6.12.9+deb13-amd64", True, False),
        (["6.12.48+deb13-rt-amd64", "7.0.0-cloud"], "6.12.48+deb13-amd64", False, False),
        ([], "6.8.0-generic", False, False),
    ],
)
def test_a_newer_kernel_that_does_not_run_is_a_reboot_due(
    tmp_path: Path, installed: list[str], running: str, container: bool, is_due: bool
) -> None:
    host = FakeHost(tmp_path, {"uname -r": f"{running}\n"}, container)
    for kernel in installed:
        host.write(f"/boot/vmlinuz-{kernel}")
    assert bool(list(system.reboot(host))) == is_due


def process(host: FakeHost, number: int, unit: str, *maps: str) -> None:
    host.write(f"/proc/{number}/maps", "".join(f"{line}\n" for line in maps))
    host.write(f"/proc/{number}/cgroup", f"0::/system.slice/{unit}\n")


def test_services_that_run_a_library_which_is_gone_are_named(host: FakeHost) -> None:
    code = "7f00-7f10 r-xp 00000000 fe:01 42   /usr/lib/x86_64-linux-gnu/libssl.so.3"
    process(host, 10, "nginx.service", f"{code} (deleted)")
    process(host, 11, "system-shop.slice/shop@0007-abc.service", f"{code} (deleted)")
    process(host, 12, "ssh.service", code)
    process(host, 13, "cron.service", f"{code.replace('r-xp', 'r--p')} (deleted)")
    process(host, 14, "redis.service", "7f00-7f10 rw-s 00000000 00:05 7   /memfd:x.so (deleted)")
    (found,) = system.libraries(host)
    assert found.says == "nginx.service, shop@0007-abc.service run older versions of libssl.so.3 than those installed"
    assert "systemctl restart nginx.service" in found.do


def test_a_host_whose_services_run_what_is_installed_is_well(host: FakeHost) -> None:
    assert list(system.libraries(host)) == []
