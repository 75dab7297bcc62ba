# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which hosts are refused, and what a person is told to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._preflight import look

HOST = {
    "id": "debian", "version": "12", "codename": "bookworm", "name": "Debian GNU/Linux 12 (bookworm)", "uid": "0",
    "user": "root", "systemd": "yes", "python": "yes", "disk_mb": "20000", "memory_mb": "1970", "cores": "2",
}  # fmt: skip
SUPPORTED = "Slipway supports Debian 12/13, Ubuntu 22.04/24.04/26.04. Use one of these images"


def problems(disk_mb: int = 1024, become_password: bool = False, **changes: str) -> list[str]:
    """Return the problems of a good host with CHANGES; an empty value is a fact that the probe didn't print."""
    facts = {key: value for key, value in {**HOST, **changes}.items() if value}
    return look.problems(facts, disk_mb, become_password)


@pytest.mark.parametrize(
    ("system", "version"),
    [("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04"), ("ubuntu", "26.04")],
)
def test_a_supported_host_has_no_problems(system: str, version: str) -> None:
    assert problems(id=system, version=version) == []


@pytest.mark.parametrize(
    ("system", "version", "name", "shown"),
    [
        ("debian", "11", "Debian GNU/Linux 11 (bullseye)", "Debian GNU/Linux 11 (bullseye)"),
        ("debian", "", "Debian GNU/Linux trixie/sid", "Debian GNU/Linux trixie/sid"),
        ("ubuntu", "20.04", "Ubuntu 20.04.6 LTS", "Ubuntu 20.04.6 LTS"),
        ("ubuntu", "23.10", "Ubuntu 23.10", "Ubuntu 23.10"),
        ("fedora", "43", "Fedora Linux 43 (Server Edition)", "Fedora Linux 43 (Server Edition)"),
        ("alpine", "3.22.0", "Alpine Linux v3.22", "Alpine Linux v3.22"),
        ("", "", "", "an unknown system"),
    ],
)
def test_another_system_is_refused_by_its_own_name(system: str, version: str, name: str, shown: str) -> None:
    assert problems(id=system, version=version, name=name) == [f"the host runs {shown}; {SUPPORTED}"]


def test_a_host_without_systemd_is_refused() -> None:
    (found,) = problems(systemd="")
    assert found.startswith("systemd is not running as the host's init; use a virtual machine")


@pytest.mark.parametrize(
    ("facts", "password", "message"),
    [
        ({"sudo": "yes", "sudo_free": "yes"}, False, None),
        ({"sudo": "yes"}, True, None),
        ({"sudo": "yes"}, False, "ann may not use sudo without a password; run again with --ask-become-pass"),
        ({}, False, "ann is not root and the host has no sudo; log in as root (ansible_user: root) or install sudo"),
        ({}, True, "ann is not root and the host has no sudo; log in as root (ansible_user: root) or install sudo"),
    ],
)
def test_a_user_must_be_root_or_able_to_become_root(facts: dict[str, str], password: bool, message: str | None) -> None:
    expected = [message] if message else []
    assert problems(uid="1000", user="ann", become_password=password, **facts) == expected


@pytest.mark.parametrize(("free", "needed", "fits"), [("1024", 1024, True), ("1023", 1024, False), ("", 1024, False)])
def test_the_disk_must_have_the_space_asked_for(free: str, needed: int, fits: bool) -> None:
    found = look.problems({**HOST, "disk_mb": free}, needed, False)
    expected = (
        f"only {free or 0} MB of disk is free, {needed} MB is needed (slipway_disk_mb); "
        "free some space or use a larger disk"
    )
    assert found == ([] if fits else [expected])


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert len(look.problems({"uid": "1000", "user": "ann"}, 1024, False)) == 4


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (HOST, ("Debian", "12", "12", "bookworm")),
        ({"id": "ubuntu", "version": "24.04", "codename": "noble"}, ("Ubuntu", "24.04", "24", "noble")),
        ({}, ("", "", "", "")),
    ],
)
def test_facts_have_the_names_and_values_of_ansibles_own(facts: dict[str, str], expected: tuple[str, ...]) -> None:
    found = look.ansible_facts(facts)
    keys = ("distribution", "distribution_version", "distribution_major_version", "distribution_release")
    assert tuple(found[key] for key in keys) == expected
    assert found["os_family"] == "Debian"
    assert found["memtotal_mb"] == int(facts.get("memory_mb", 0))
    assert found["processor_nproc"] == int(facts.get("cores", 1))


def test_a_value_may_hold_an_equals_sign_and_noise_is_passed_over() -> None:
    assert look.read("Welcome!\r\nname=A=B\r\n\nversion=12\nsystemd\n") == {"name": "A=B", "version": "12"}


# ---- the probe itself, under the shell of a bare host --------------------------------------------------------------


def probed(tmp_path: Path, release: str | None, *tools: str) -> dict[str, str]:
    """Run the probe on a host that has TOOLS in its PATH, and an os-release with the text RELEASE."""
    place = tmp_path / "os-release"
    if release is not None:
        place.write_text(release)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for tool in ("id", "df", "awk", "nproc", *tools):
        found = shutil.which(tool)
        assert found
        (bin_folder / tool).symlink_to(found)
    script = look.PROBE.replace("/etc/os-release", str(place))
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, env={"PATH": str(bin_folder)}, check=False
    )
    return look.read(done.stdout)


def test_the_probe_tells_a_hosts_system_user_and_size(tmp_path: Path) -> None:
    text = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
    found = probed(tmp_path, text, "python3")
    assert (found["id"], found["version"], found["codename"]) == ("ubuntu", "24.04", "noble")
    assert found["name"] == "Ubuntu 24.04.1 LTS"
    assert (found["uid"], found["python"]) == (str(os.getuid()), "yes")
    assert int(found["disk_mb"]) > 0
    assert int(found["memory_mb"]) > 100
    assert int(found["cores"]) == len(os.sched_getaffinity(0))
    assert "sudo" not in found


def test_a_host_without_python_is_seen(tmp_path: Path) -> None:
    assert "python" not in probed(tmp_path, "ID=debian\n")


def test_a_host_without_os_release_is_refused_for_that_alone(tmp_path: Path) -> None:
    found = probed(tmp_path, None)
    assert found["uid"] == str(os.getuid())
    told = look.problems({**found, "systemd": "yes", "uid": "0"}, 0, False)
    assert told == [f"the host runs an unknown system; {SUPPORTED}"]


def test_the_role_for_nginx_knows_what_every_supported_system_brings() -> None:
    variables = yaml.safe_load((Path(__file__).resolve().parents[5] / "roles/nginx_tls/vars/main.yml").read_text())
    systems = {f"{look.NAMES[key]} {version}" for key, versions in look.SUPPORTED.items() for version in versions}
    assert set(variables["__nginx_tls_systems"]) == systems
    assert all(set(brings) == {"nginx", "openssl", "certbot"} for brings in variables["__nginx_tls_systems"].values())
