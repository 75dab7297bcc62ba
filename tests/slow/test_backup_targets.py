# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Backups to servers: S3, by a real server of that protocol with an authority of its own, and SFTP, on a second host.

The S3 server is `rclone serve s3`, which checks signatures and speaks TLS. The tests run in the file's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import backup_site
import pytest
from backup_site import SHARED, Site, last
from helpers import Host, Project
from s3_store import KEY, NAME, SECRET, SERVE, served

pytestmark = pytest.mark.once("13")

SFTP = """
set -e; cd /root
useradd --create-home keeper
install -d -o keeper -m 0700 /home/keeper/.ssh /home/keeper/backup
ssh-keygen -q -t ed25519 -N '' -f key
install -o keeper -m 0600 key.pub /home/keeper/.ssh/authorized_keys
"""


@dataclass
class Store:
    """The second host, and how it is reached."""

    host: Host
    ca: str
    key: str
    keys: str

    def s3(self, **changes: Any) -> dict[str, Any]:
        own = {"bucket": "backups", "endpoint": NAME, "key": KEY, "secret": SECRET, "prefix": "shop", "ca": self.ca}
        return {"s3": {**own, **changes}}

    def sftp(self, **changes: Any) -> dict[str, Any]:
        own = {"host": NAME, "user": "keeper", "path": "/home/keeper/backup", "key": self.key, "host_key": self.keys}
        return {"sftp": {**own, **changes}}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with served("store", "backups") as (made, ca):
        made.run(SFTP)
        keys = made.run("cat /etc/ssh/ssh_host_*_key.pub")
        yield Store(made, ca, made.run("cat /root/key") + "\n", keys)


@pytest.fixture(scope="module")
def site(project: Project, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site with both servers as its targets."""
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.host.run(f"echo '{store.host.address} {NAME}' >>/etc/hosts")
    made.backups = {**backup_site.BACKUPS, "to": [store.s3(), store.sftp()], "drill": "2035-01-07 04:00"}
    made.describe()
    project.good("site.yml")
    return made


def test_database_and_folders_are_at_both_servers_and_can_be_read_from_each(site: Site, store: Store) -> None:
    site.call("Fornax")
    site.upload("chart.txt", "twelve fathoms")
    outcome = site.back_up()
    assert outcome["problems"] == []
    listed = site.project.good("playbooks/backups.yml").output
    row = next(line for line in listed.splitlines() if outcome["facts"]["point"] in line)
    assert row.split()[-2:] == ["1,", "2"]
    assert listed.count("Any moment from") == 2
    script = (
        "import sys; sys.path.insert(0, '/usr/local/lib/slipway'); from pathlib import Path\n"
        "from ansible_collections.slipway.flask.plugins.module_utils._backup import pgbackrest, points, restic, settings\n"
        "told = settings.Settings.read(); point = points.points(told, 'harbour')[-1]\n"
        "for number, target in enumerate(told.targets, 1):\n"
        "    restic.Restic(told, target).restore(point.place(number).snapshot, Path(f'/tmp/back{number}'))\n"
        "    pgbackrest.PgBackRest(told).restore(Path(f'/tmp/data{number}'), point.moment(told.keep, number), repository=number)\n"
    )
    for number in (1, 2):
        site.host.run(f"install -d -o postgres -m 0700 /tmp/data{number}")
    site.host.run(f"cat >/root/read.py <<'END'\n{script}END\npython3 -B /root/read.py")
    for number in (1, 2):
        assert site.host.run(f"cat /tmp/back{number}{SHARED}/chart.txt") == "twelve fathoms"
        assert site.host.ok(f"test -e /tmp/data{number}/global/pg_control")


TELLS = """#!/bin/sh
unit=$(sed -n 's|^0::.*/||p' /proc/self/cgroup)
{ echo "ran: $(id -un) NAME in $unit"; systemctl show --property=Environment,ExecStart,Description "$unit"; } </dev/null |
  systemd-cat -t seen
exec /usr/bin/NAME "$@"
"""
"""Stands before a program, and has the journal say as whom it runs, and what everybody can see of its unit."""


def test_the_services_reach_the_servers_from_units_that_are_not_root_and_show_no_secret(site: Site) -> None:
    """The services themselves have no network."""
    tools = ("restic", "pgbackrest")
    for name in tools:
        site.host.run(
            f"cat >/usr/local/sbin/{name} <<'END'\n{TELLS.replace('NAME', name)}END\nchmod 755 /usr/local/sbin/{name}"
        )
    try:
        for service, what in (("backup", "run"), ("backup-drill", "drill"), ("backup-check", "check")):
            done = site.host.ask(f"systemctl start slipway-{service}.service")
            said = site.host.run(f"journalctl --no-pager -n 40 -o cat -u slipway-{service}")
            assert (done.returncode, last(site.host, what)["problems"]) == (0, []), said
    finally:
        site.host.run("rm -f " + " ".join(f"/usr/local/sbin/{name}" for name in tools))
    drilled = last(site.host, "drill")["facts"]["targets"]
    assert [facts["files"]["harbour"]["files"] for facts in drilled.values()] == [1, 1], drilled
    told = site.host.run("journalctl --no-pager -o cat -t seen")
    ran = set(re.findall(r"^ran: (\S+) (\S+) in (slipway-backup(?:-outside)?)", told, re.MULTILINE))
    assert {one for one in ran if one[1] == "restic"} == {("slipway-backup", "restic", "slipway-backup-outside")}
    assert ("postgres", "pgbackrest", "slipway-backup-outside") in ran
    assert {one[0] for one in ran if one[1:] == ("pgbackrest", "slipway-backup-outside")} == {"postgres"}
    assert "restic" in told
    assert [secret for secret in (SECRET, backup_site.PASSPHRASE) if secret in told] == []
    assert site.host.run("systemctl list-units --no-legend --all 'slipway-backup-outside-*'") == ""


def test_nothing_at_the_servers_can_be_read_without_the_passphrase(store: Store) -> None:
    assert store.host.run("grep -rla -- 'twelve fathoms' /srv/s3 /home/keeper/backup || true") == ""
    assert store.host.run("ls /srv/s3/backups/shop/* /home/keeper/backup/* | grep -c -e pgbackrest -e restic") == "4"


def test_no_key_of_a_server_is_seen_by_others(site: Site) -> None:
    shown, key = SECRET.replace("Store", "St[o]re"), "PRIVATE KEY"
    found = site.host.run(
        f"runuser -u harbour -- grep -rlas -e '{shown}' -e '{key}' /etc/slipway /etc/pgbackrest /var/lib/slipway /run /tmp || true;"
        f"journalctl --no-pager | grep -c -e '{shown}' || true; grep -las -- '{shown}' /proc/[0-9]*/cmdline || true"
    )
    assert found.split() == ["0"]


def test_a_server_that_is_down_is_named_and_the_other_has_the_point(site: Site, store: Store) -> None:
    store.host.run("systemctl stop s3")
    try:
        failed = site.project.play("playbooks/backup.yml")
    finally:
        store.host.ok("systemctl reset-failed s3")
        store.host.run(f"systemd-run --quiet --unit=s3 {SERVE}")
    assert failed.code != 0
    assert f"s3:{NAME}/backups/shop" in failed.output
    assert f"unable to connect to {NAME}:443" in failed.output
    assert last(site.host)["facts"]["point"] in site.host.run("slipway-backup list 2>/dev/null || true")
    assert site.back_up()["problems"] == []


@pytest.mark.parametrize("what", ["secret", "host_key"])
def test_a_server_that_refuses_or_is_another_one_stops_provisioning_with_its_name(
    site: Site, store: Store, what: str
) -> None:
    other = {
        "secret": store.s3(secret="wrong" * 5),
        "host_key": store.sftp(host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43),
    }[what]
    good = site.backups
    site.backups = {**good, "to": [other]}
    site.describe()
    try:
        refused = site.project.play("playbooks/provision.yml", "--tags", "backups")
    finally:
        site.backups = good
        site.describe()
    assert refused.code != 0
    said = " ".join(refused.output.split())
    kind = "s3:" if what == "secret" else "sftp:"
    assert re.search(rf"the target {kind}\S+ can't be used: restic", said), refused.output
    assert "wrongwrong" not in refused.output


def test_right_again_it_goes_on_where_it_was(site: Site) -> None:
    site.project.good("playbooks/provision.yml", "--tags", "backups")
    assert site.back_up()["problems"] == []
