# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that nobody looks after any more, as its owner finds it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
OURS = ("slipway-upkeep", "slipway-upkeep-check", "slipway-upkeep-back", "slipway-upkeep-reboot")
MOST_EXPOSED = 2.0
"""Of systemd-analyze security, from 0 (nothing is left to take away) to 10."""


def test_security_updates_and_nothing_else_are_installed_by_themselves(host: Host) -> None:
    told = host.check_output("apt-config dump Unattended-Upgrade APT::Periodic")
    origins = re.findall(r'Origins-Pattern:: "(origin=Debian,[^"]*)"', told)
    assert origins
    assert all("Security" in origin for origin in origins)
    assert "Allowed-Origins::" not in told
    assert 'APT::Periodic::Unattended-Upgrade "1"' in told
    assert 'Unattended-Upgrade::Automatic-Reboot "false"' in told


def test_what_would_be_installed_is_found_without_an_error(host: Host) -> None:
    done = host.run("unattended-upgrade --dry-run --debug 2>&1")
    assert done.rc == 0, done.stdout
    assert "Debian-Security" in done.stdout


def test_updates_come_within_the_window_and_not_when_a_host_was_off_then(host: Host) -> None:
    timer = host.check_output(
        "systemctl show apt-daily-upgrade.timer -p TimersCalendar -p Persistent -p RandomizedDelayUSec"
    )
    assert "OnCalendar=*-*-* 03:00:00" in timer
    assert "06:00" not in timer
    assert "Persistent=no" in timer
    assert "RandomizedDelayUSec=5min" in timer
    assert "slipway-upkeep restarts" in host.check_output("systemctl cat apt-daily-upgrade.service")


def test_hosts_reboot_one_after_the_other(host: Host) -> None:
    hour = "04:00" if host.backend.name.endswith("12") else "04:15"
    shown = host.check_output("systemctl show slipway-upkeep-reboot.timer -p TimersCalendar -p ActiveState")
    assert f"*-*-* {hour}:00" in shown
    assert "ActiveState=active" in shown


def test_needrestart_asks_nobody_and_restarts_nothing(host: Host) -> None:
    script = "do q(/etc/needrestart/needrestart.conf); print $nrconf{restart}"
    assert host.check_output("perl -we %s", f"our %nrconf; {script}") == "l"


def test_a_host_without_a_marker_does_not_reboot(host: Host) -> None:
    assert host.check_output("slipway-upkeep reboot") == "no update needs a reboot"


def test_a_reboot_waits_for_nobody_who_is_not_there(host: Host) -> None:
    """What a container can't do is said, once, and is no failure."""
    shown = host.check_output("systemctl show slipway-upkeep.service -p ActiveState -p Result")
    assert set(shown.splitlines()) == {"ActiveState=active", "Result=success"}
    notes = json.loads(host.file("/var/lib/slipway/upkeep/apply.json").content_string)["notes"]
    assert notes == ["this host is a container: its kernel settings, swap and clock are set on its own host"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.ipv4.conf.all.accept_redirects", "0"),
        ("net.ipv4.conf.default.send_redirects", "0"),
        ("net.ipv6.conf.all.accept_redirects", "0"),
        ("net.ipv4.tcp_syncookies", "1"),
        ("net.ipv4.tcp_keepalive_time", "600"),
    ],
)
def test_the_network_of_the_kernel_is_set(host: Host, name: str, value: str) -> None:
    assert host.check_output(f"cat /proc/sys/{name.replace('.', '/')}") == value


def test_a_container_leaves_the_kernel_of_its_host_alone(host: Host) -> None:
    text = host.file("/etc/sysctl.d/60-slipway.conf").content_string
    assert set(re.findall(r"^-?([a-z]+)\.", text, re.MULTILINE)) == {"net"}
    assert "log_martians" not in re.sub(r"(?m)^-net.ipv4.conf.default.*\n", "", text), "an empty value leaves one out"


def test_mounts_of_everybody_give_no_more_rights(host: Host) -> None:
    options = host.check_output("findmnt --noheadings --output OPTIONS /dev/shm").split(",")
    assert {"nosuid", "nodev", "noexec"} <= set(options)
    assert {"nosuid", "nodev"} <= set(host.check_output("findmnt --noheadings --output OPTIONS /tmp").split(","))


def test_the_journal_is_on_the_disk_and_has_a_ceiling(host: Host) -> None:
    text = host.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert re.findall(r"^(Storage|SystemMaxUse)=(.*)$", text, re.MULTILINE)[-2:] == [
        ("Storage", "persistent"),
        ("SystemMaxUse", "64M"),
    ]
    assert host.check_output("ls /var/log/journal/*/system.journal")


def test_there_are_no_core_dumps(host: Host) -> None:
    assert host.check_output("su root -s /bin/bash -c 'ulimit -Hc'") == "0"


def test_a_file_of_a_package_that_somebody_has_replaced_is_named(host: Host) -> None:
    unit, path = "slipway-upkeep-packages.service", "/usr/bin/tzselect"
    host.check_output("systemctl start %s", unit)
    host.check_output(f"cp -a {path} /root/kept; echo '# another' >>{path}")
    try:
        assert host.run("systemctl start %s", unit).rc != 0
        assert f"changed file {path} " in host.check_output("journalctl --no-pager --output=cat --unit=%s", unit)
    finally:
        host.check_output(f"cp -a /root/kept {path}; systemctl reset-failed {unit}")
    assert host.service("slipway-upkeep-packages.timer").is_enabled


def test_a_shell_that_waits_at_its_prompt_ends_after_an_hour_and_a_script_does_not(host: Host) -> None:
    assert host.check_output("bash -lic 'echo $TMOUT' 2>/dev/null") == "3600"
    assert host.check_output("bash -lc 'echo \"$TMOUT\"'") == ""


def test_the_hosts_own_name_leads_to_itself(host: Host) -> None:
    assert host.run("getent hosts $(hostname)").rc == 0
    assert "myhostname" in host.file("/etc/nsswitch.conf").content_string


def test_one_daemon_sets_the_clock(host: Host) -> None:
    assert host.package("systemd-timesyncd").is_installed


@pytest.mark.parametrize("unit", OURS)
def test_services_have_no_rights_that_they_don_t_need(host: Host, unit: str) -> None:
    said = host.check_output(f"systemd-analyze security --no-pager {unit}.service").splitlines()[-1]
    level = re.search(r"level for .*: ([0-9.]+)", said)
    assert level, said
    assert float(level[1]) <= MOST_EXPOSED, said


def test_a_check_finds_nothing_wrong_and_runs_within_its_rights(host: Host) -> None:
    host.run_expect([0], "systemctl start slipway-upkeep-check.service")
    found = json.loads(host.file("/var/lib/slipway/upkeep/check.json").content_string)
    assert found["problems"] == []
    assert host.run("systemctl is-failed slipway-upkeep-check.service").stdout.strip() != "failed"
    denied = host.check_output("journalctl --unit slipway-upkeep-check --no-pager --output cat")
    assert not re.search("denied|not permitted|Read-only", denied), denied


def test_what_listens_unasked_is_named(host: Host) -> None:
    held = "import socket, subprocess as s; held = [socket.create_server(place) for place in %s]; s.run([%r, 'ports'])"
    places = [("0.0.0.0", 8443), ("0.0.0.0", 7777), ("127.0.0.1", 7778)]
    said = host.run("python3 -c %s", held % (places, "slipway-upkeep")).stderr
    assert "python3 listens on port 7777/tcp for everybody" in said
    assert "8443" not in said
    assert "7778" not in said


def test_the_reserve_is_there_and_is_given_up_for_a_server_on_a_full_disk(host: Host) -> None:
    """A file system of its own that is full to the last block, as the folder of the databases has it."""
    host.run_expect([0], "mkdir -p /var/lib/postgresql && mount -t tmpfs -o size=96m tmpfs /var/lib/postgresql")
    try:
        host.run_expect([0, 1], "slipway-upkeep check")
        reserve = host.file("/var/lib/postgresql/.slipway-reserve")
        assert (reserve.size, reserve.mode, reserve.user) == (16 * 2**20, 0o600, "root")
        host.run("dd if=/dev/zero of=/var/lib/postgresql/full bs=1M status=none")
        assert (
            host.run("su -s /bin/sh postgres -c true; touch /var/lib/postgresql/x; echo x > /var/lib/postgresql/x").rc
            != 0
        )
        assert "was released" in host.check_output("slipway-upkeep room")
        host.run_expect([0], "dd if=/dev/zero of=/var/lib/postgresql/segment bs=1M count=15 status=none")
        said = host.run_expect([1], "slipway-upkeep check").stderr
        assert (
            "/var/lib/postgresql: the disk is 100 % full" in said
            or "/var/lib/postgresql: the disk is 99 % full" in said
        )
        assert "there is not enough disk space for the reserve of 16 MB" in said
        host.run_expect([0], "rm /var/lib/postgresql/full /var/lib/postgresql/segment && slipway-upkeep check")
        assert host.file("/var/lib/postgresql/.slipway-reserve").size == 16 * 2**20
    finally:
        host.run("umount /var/lib/postgresql")


def test_a_database_server_starts_after_the_reserve_is_given_up(host: Host) -> None:
    for unit in ("postgresql@.service.d", "mariadb.service.d"):
        text = host.file(f"/etc/systemd/system/{unit}/slipway-upkeep.conf").content_string
        assert "ExecStartPre=+-/usr/local/sbin/slipway-upkeep room" in text


def test_services_with_old_libraries_wait_for_the_window(host: Host) -> None:
    """A service whose library was replaced under it, as an update does it."""
    host.run_expect([0], OLD_LIBRARY)
    try:
        before = host.check_output("systemctl show old-library.service -p MainPID --value")
        told = json.dumps({**json.loads(host.file("/etc/slipway/upkeep.json").content_string), "window": CLOSED})
        host.run_expect(
            [0], "cp -p /etc/slipway/upkeep.json /root/upkeep.json && printf %s > /etc/slipway/upkeep.json", told
        )
        assert "left: old-library.service" in host.check_output("slipway-upkeep restarts")
        assert host.check_output("systemctl show old-library.service -p MainPID --value") == before
        host.run_expect([0], "printf %s > /etc/slipway/upkeep.json", told.replace(json.dumps(CLOSED), json.dumps(OPEN)))
        assert "restarted: old-library.service" in host.check_output("slipway-upkeep restarts")
        assert host.check_output("systemctl show old-library.service -p MainPID --value") != before
    finally:
        host.run(
            "mv /root/upkeep.json /etc/slipway/upkeep.json; systemctl stop old-library.service; rm -rf /opt/old-library"
            " /run/systemd/system/old-library.service; systemctl daemon-reload"
        )


CLOSED, OPEN = ["23:59", "23:59"], ["00:00", "23:59"]
OLD_LIBRARY = """
mkdir -p /opt/old-library
cp /usr/lib/*-linux-gnu/libexpat.so.1 /opt/old-library/libexpat.so.1
printf '[Service]\\nEnvironment=LD_PRELOAD=/opt/old-library/libexpat.so.1\\nExecStart=/usr/bin/sleep infinity\\n' \\
  >/run/systemd/system/old-library.service
systemctl daemon-reload
systemctl start old-library.service
until grep -q /opt/old-library /proc/$(systemctl show old-library.service -p MainPID --value)/maps; do sleep 0.1; done
rm /opt/old-library/libexpat.so.1
cp /usr/lib/*-linux-gnu/libexpat.so.1 /opt/old-library/libexpat.so.1
"""


def test_after_a_reboot_that_an_update_needed_it_is_all_still_so(host: Host) -> None:
    name = host.backend.name
    host.run_expect([0], "touch /run/reboot-required && echo linux-image-test > /run/reboot-required.pkgs")
    host.run("systemctl start --no-block slipway-upkeep-reboot.service")
    subprocess.run(["podman", "wait", name], check=True, capture_output=True, timeout=300)
    command = [sys.executable, str(ROOT / "bin/lib/vps.py"), "up", name, "--debian", name.rpartition("-")[2]]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    again = Host(type(host.backend)(name))
    again.run_expect([0], "timeout 120 sh -c 'until systemctl is-active --quiet multi-user.target; do sleep 0.2; done'")
    assert (
        again.check_output("systemctl is-active slipway-upkeep.service slipway-upkeep-check.timer") == "active\nactive"
    )
    assert again.check_output("cat /proc/sys/net/ipv4/tcp_keepalive_time") == "600"
    assert again.file("/var/lib/slipway/reserve").size == 16 * 2**20
    found = "/var/lib/slipway/upkeep/back.json"
    again.run_expect([0], f"timeout 60 sh -c 'until test -e {found}; do sleep 0.2; done'")
    told = json.loads(again.file(found).content_string)
    assert (told["problems"], told["why"]) == ([], "linux-image-test")
