# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host is told of its upkeep, and what is refused before anything changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep import sysctl
from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import packages, plan, problems, settings

TEMPLATES = Path(__file__).resolve().parents[5] / "roles/host_upkeep/templates"
HOOK = {"url": "https://chat.test/secret", "format": "slack"}


def paths(variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the files of the plan by their path."""
    return {entry["dest"]: entry for entry in plan(variables)["files"]}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, ""),
        ({"updates": {"window": "23:00-01:00", "reboot": "00:30"}}, ""),
        ({"updates": {"reboot": False}}, ""),
        ({"updates": {"reboot": "False"}}, ""),
        ({"updates": {"window": "3-5"}}, "host_upkeep_updates.window is '3-5'; it must be two times"),
        ({"updates": {"window": "03:00-03:00"}}, "updates.window is '03:00-03:00'"),
        ({"updates": {"window": "03:00-25:00"}}, "updates.window is '03:00-25:00'"),
        ({"updates": {"reboot": "240"}}, "updates.reboot is '240'; it must be false, or a time of the day"),
        ({"updates": {"apart_minutes": 1}}, "updates.apart_minutes is 1; it must be from 5 to 240"),
        ({"memory": {"swap": "lots"}}, "memory.swap is 'lots'; it must be auto, none, or a size such as 512M"),
        ({"memory": {"swap": "2G"}}, ""),
        ({"memory": {"swappiness": 300}}, "memory.swappiness is 300"),
        ({"disk": {"warn_percent": 20}}, "disk.warn_percent is 20; it must be from 50 to 98"),
        ({"disk": {"reserve_mb": 0}}, ""),
        ({"sysctl": {"net.core.somaxconn": 4096}}, ""),
        ({"sysctl": {"net.core; reboot": 1}}, "sysctl has 'net.core; reboot'"),
    ],
)
def test_what_cannot_work_is_refused_with_variable_value_and_what_it_must_be(
    variables: dict[str, Any], said: str
) -> None:
    found = problems(variables)
    assert (len(found), said in "".join(found)) == (int(bool(said)), True)


@pytest.mark.parametrize(
    ("position", "hour"), [(0, "23:50"), (1, "00:05"), (2, "00:20")], ids=["first", "over midnight", "third"]
)
def test_hosts_reboot_one_after_the_other(position: int, hour: str) -> None:
    assert settings({"updates": {"reboot": "23:50"}, "position": position}).reboot == hour


def test_without_permission_there_is_no_timer_that_reboots() -> None:
    timer = "/etc/systemd/system/slipway-upkeep-reboot.timer"
    assert paths({})[timer] == {"dest": timer, "state": "absent"}
    assert "slipway-upkeep-reboot.timer" not in [unit["name"] for unit in plan({})["units"]]
    assert "state" not in paths({"updates": {"reboot": "04:00"}})[timer]


def test_updates_that_are_not_wanted_are_left_to_the_distribution() -> None:
    found = paths({"updates": {"install": "none"}})
    assert found["/etc/apt/apt.conf.d/60slipway"]["state"] == "absent"
    assert "apt-daily-upgrade.timer" not in [unit["name"] for unit in plan({"updates": {"install": "none"}})["units"]]
    assert "unattended-upgrades" not in packages({"updates": {"install": "none"}})
    assert "unattended-upgrades" in packages({})


def test_a_container_is_told_of_its_network_alone() -> None:
    """The kernel is one for all containers: what one sets, the others have."""
    names = sysctl.settings(10, {}, is_container=True)
    assert {name.partition(".")[0] for name in names} == {"net"}
    assert not set(names) & set(sysctl.KERNEL)
    assert {"vm.swappiness", "kernel.kptr_restrict"} <= set(sysctl.settings(10, {}, is_container=False))


def test_a_machine_of_one_s_own_may_have_disks_on_usb() -> None:
    path = "/etc/modprobe.d/60-slipway.conf"
    assert paths({"is_guest": True})[path]["vars"] == {"is_guest": True}
    assert paths({})[path]["vars"] == {"is_guest": False}
    assert "{% if is_guest %}" in (TEMPLATES / "modprobe.conf.j2").read_text().partition("usb-storage")[0]


def test_a_person_has_the_last_word_on_a_setting_of_the_kernel() -> None:
    found = sysctl.settings(10, {"kernel.sysrq": 1, "kernel.dmesg_restrict": ""}, is_container=False)
    assert found["kernel.sysrq"] == "1"
    assert "kernel.dmesg_restrict" not in found


@pytest.mark.parametrize("name", ["net.ipv4.ip_forward", "net.ipv6.conf.all.accept_ra", "kernel.modules_disabled"])
def test_what_docker_a_vpn_or_the_provider_needs_is_left_alone(name: str) -> None:
    assert name not in sysctl.settings(10, {}, is_container=False)


def test_a_webhook_stands_in_one_secret_file_and_once_however_many_apps_have_it() -> None:
    found = plan({"notifications": [HOOK, dict(HOOK)], "host": "web1"})
    holding = [entry for entry in found["files"] if HOOK["url"] in json.dumps(entry)]
    assert [(entry["dest"], entry["mode"]) for entry in holding] == [("/etc/slipway/upkeep.json", "0600")]
    assert len(json.loads(holding[0]["content"])["notifications"]) == 1


def test_what_may_listen_is_ssh_the_web_and_what_the_firewall_lets_in() -> None:
    asked = settings({"ports": [{"port": 51820, "protocol": "udp"}, {"port": "6000-6010"}]}).ports
    assert {"22/tcp", "80/tcp", "443/tcp", "443/udp", "51820/udp", "6000-6010/tcp"} == set(asked)


@pytest.mark.parametrize(("swap", "told"), [("auto", "auto"), ("none", "none"), ("512M", "512"), ("2G", "2048")])
def test_a_size_is_told_in_megabytes(swap: str, told: str) -> None:
    assert settings({"memory": {"swap": swap}}).swap == told


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.glob("slipway-upkeep*.service.j2")))
def test_a_service_of_ours_hides_no_network_whose_settings_it_makes(template: str) -> None:
    """systemd gives a network of its own to commands with + as well, and settings made there are nobody's."""
    text = (TEMPLATES / template).read_text()
    assert "PrivateNetwork=no" in text or "systemd-sysctl" not in text


def test_every_template_is_used_and_there_is_one_for_every_file() -> None:
    used = {
        entry["src"]
        for variables in ({"updates": {"reboot": "04:00"}}, {"extras": True}, {})
        for entry in plan(variables)["files"]
        if "src" in entry
    }
    assert used == {path.name for path in TEMPLATES.iterdir()}


def test_units_that_are_started_are_units_that_are_written_or_the_systems_own() -> None:
    written = {Path(entry["dest"]).name for entry in plan({"updates": {"reboot": "04:00"}})["files"]}
    names = {unit["name"] for unit in plan({"updates": {"reboot": "04:00"}})["units"]}
    assert {name for name in names if re.match("slipway-", name)} <= written


def test_what_auditors_ask_for_is_there_when_it_is_asked_for_and_goes_again_but_for_the_banner() -> None:
    def written(extras: bool) -> dict[str, bool]:
        return {one["dest"]: one.get("state") != "absent" for one in plan({"extras": extras})["files"]}

    timer = "/etc/systemd/system/slipway-upkeep-packages.timer"
    with_them, without = written(True), written(False)
    assert (with_them[timer], without[timer]) == (True, False)
    assert "/etc/issue" in with_them
    assert "/etc/issue" not in without, "nobody knows what stood there before"
    assert ("debsums" in packages({"extras": True}), "debsums" in packages({})) == (True, False)
    shells = [
        one["vars"]["extras"]
        for one in plan({"extras": False})["files"]
        if one["dest"] == "/etc/profile.d/60-slipway.sh"
    ]
    assert shells == [False]
