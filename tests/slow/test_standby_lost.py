# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A primary that is gone: what is lost is said before and counted after; and a standby that was away for too long.

The tests run in the file's order on the same two hosts.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import stops
from conftest import machine
from helpers import Host, wait_for
from standby import Servers
from stock import image

pytestmark = pytest.mark.once("13")
TAGS = ("--tags", "postgresql")
SETTINGS = {"postgres_server_standby_wal_mb": 32, "postgres_server_settings": {"autovacuum": False}}
"""Autovacuum writes transactions of its own, which would be counted, too."""


@pytest.fixture(scope="module")
def bare(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The hosts, with the packages of a server; `host` is db1."""
    with ExitStack() as stack:
        hosts = {
            name: stack.enter_context(machine(f"lost-{name}", host.debian, made_of=image(host.debian)))
            for name in ("db2",)
        }
        made = Servers(tmp_path_factory.mktemp("servers"), {**hosts, "db1": host})
        made.describe({"db2": "db1"}, **SETTINGS)
        yield made
        shutil.rmtree(made.sockets, ignore_errors=True)


@pytest.fixture(scope="module")
def servers(bare: Servers) -> Servers:
    """A run that was killed in the middle of the copy, and the one after it."""
    bare.host = bare.hosts["db2"]
    stops.install(bare.hosts["db1"])
    bare.good("playbooks/provision.yml", "--tags", "packages")
    stops.kill_at(bare, "playbooks/provision.yml", "mark", more=TAGS)
    bare.good("playbooks/provision.yml", *TAGS)
    bare.sql("db1", "create table orders (number int primary key)")
    return bare


def order(servers: Servers, host: str, *numbers: int) -> None:
    for number in numbers:
        servers.sql(host, f"insert into orders values ({number})")


def test_a_copy_that_was_killed_is_made_by_the_next_run(servers: Servers) -> None:
    order(servers, "db1", 1)
    wait_for(lambda: servers.orders("db2") == {1}, seconds=10)
    assert servers.streams("db2")
    assert servers.hosts["db2"].run("ls /var/lib/postgresql/*/") == "main"


def test_a_standby_that_is_away_does_not_fill_the_disk_of_its_primary_and_comes_back(servers: Servers) -> None:
    servers.hosts["db2"].run("systemctl stop postgresql@*")
    wait_for(lambda: servers.sql("db1", "select count(*) from pg_stat_replication", "postgres") == "0", seconds=20)
    doctor = servers.play("playbooks/doctor.yml")
    assert doctor.code != 0 and "the standby db2 is not connected" in doctor.output, doctor.output
    print(doctor.output)
    servers.sql("db1", "create table big (text text)")
    for _ in range(12):
        servers.sql("db1", "insert into big select repeat(md5(n::text), 30) from generate_series(1, 10000) n; "
                           "select pg_switch_wal()")  # fmt: skip
    servers.sql("db1", "checkpoint", "postgres")
    lost = "select wal_status from pg_replication_slots"
    wait_for(lambda: servers.sql("db1", lost, "postgres") == "lost", seconds=20)
    kept = int(servers.sql("db1", "select sum(size) / 1048576 from pg_ls_waldir()", "postgres").partition(".")[0])
    assert kept < 1024, f"{kept} MB of WAL"
    servers.sql("db1", "drop table big")
    back = servers.good("playbooks/provision.yml", *TAGS)
    assert back.count("changed") > 0
    assert servers.streams("db2")
    order(servers, "db1", 2)
    wait_for(lambda: servers.orders("db2") == servers.orders("db1"), seconds=20)
    assert servers.good("playbooks/provision.yml", *TAGS).count("changed") == 0


def test_a_promotion_that_was_killed_half_way_is_finished_by_the_next_one(servers: Servers) -> None:
    before = servers.orders("db1")
    stops.kill_at(servers, "playbooks/promote.yml", "receive", more=("-e", "host=db2", "-e", "confirm=switch"))
    assert not servers.takes_writes("db1") and not servers.takes_writes("db2")
    shown = servers.promote("db2")
    assert "Lost    nothing" in shown.output and shown.code == 0, shown.output
    done = servers.promote("db2", "-e", "confirm=switch")
    assert done.code == 0 and servers.takes_writes("db2"), done.output
    servers.describe({"db1": "db2"}, **SETTINGS)
    servers.good("playbooks/provision.yml", *TAGS)
    assert servers.streams("db1") and servers.orders("db1") == servers.orders("db2") == before


def test_a_primary_that_still_writes_is_not_given_up(servers: Servers) -> None:
    """It can't be reached by SSH, but the standby hears it."""
    servers.hosts["db2"].run("systemctl stop ssh.socket ssh.service")
    apart = {"ANSIBLE_SSH_CONTROL_PATH_DIR": tempfile.mkdtemp(prefix="slow-")}  # no connection from before
    try:
        refused = servers.play("playbooks/promote.yml", "-e", "host=db1", "-e", "confirm=loss", environment=apart)
    finally:
        servers.hosts["db2"].run("systemctl start ssh.service")
        shutil.rmtree(apart["ANSIBLE_SSH_CONTROL_PATH_DIR"])
    assert refused.code != 0 and "both would take writes" in refused.output, refused.output
    assert servers.takes_writes("db2") and not servers.takes_writes("db1")


def test_what_a_dead_primary_had_alone_is_counted_and_is_lost_only_by_that_word(servers: Servers) -> None:
    servers.hosts["db1"].run("systemctl stop postgresql@*")
    order(servers, "db2", 3, 4, 5)
    servers.hosts["db2"].run("systemctl kill --signal=KILL postgresql@*; systemctl stop postgresql@*")
    servers.hosts["db1"].run("systemctl start postgresql@17-main")
    wait_for(lambda: servers.hosts["db1"].ok("pg_isready -q"), seconds=30)
    told = servers.promote("db1")
    assert "3 transactions that db2 committed" in told.output, told.output
    refused = servers.promote("db1", "-e", "confirm=switch")
    assert refused.code != 0 and "this would be lost: 3 transactions" in refused.output


def test_one_that_can_not_be_reached_is_given_up_with_the_time_of_the_last_transaction(servers: Servers) -> None:
    gone, received = servers.hosts["db2"], servers.orders("db1")
    subprocess.run(["podman", "kill", gone.name], check=True, capture_output=True)
    refused = servers.promote("db1", "-e", "confirm=switch")
    assert refused.code != 0 and "how much can't be told, the last transaction received is of" in refused.output
    done = servers.promote("db1", "-e", "confirm=loss")
    assert done.code == 0 and servers.takes_writes("db1"), done.output
    assert "keep db2 off" in done.output
    assert servers.orders("db1") == received, "orders 3, 4 and 5 are lost, as the plan had said"
    assert not received & {3, 4, 5}
    order(servers, "db1", 6)


def test_a_former_primary_that_comes_back_gives_up_its_transactions_only_by_name(servers: Servers) -> None:
    servers.hosts["db2"].up()
    servers.describe({"db2": "db1"}, **SETTINGS)
    refused = servers.play("playbooks/provision.yml", *TAGS)
    assert refused.code != 0 and "committed 3 transactions" in refused.output, refused.output
    assert "-e discard=db2" in refused.output
    servers.good("playbooks/provision.yml", *TAGS, "-e", "discard=db2")
    assert servers.streams("db2") and not servers.takes_writes("db2")
    wait_for(lambda: servers.orders("db2") == servers.orders("db1"), seconds=10)
    assert 6 in servers.orders("db2")
    assert servers.good("playbooks/provision.yml", *TAGS).count("changed") == 0
