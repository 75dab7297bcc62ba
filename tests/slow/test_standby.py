# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A standby of the database host: who can follow it, and the two changing places while orders are written.

The tests run in the file's order on the same hosts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from conftest import machine
from helpers import Host, Play, wait_for
from standby import Orders, Servers
from stock import image

pytestmark = pytest.mark.once("13")


@pytest.fixture(scope="module")
def bare(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The hosts, with the packages of a server; `host` is db1."""
    with ExitStack() as stack:
        hosts = {
            name: stack.enter_context(machine(f"standby-{name}", host.debian, made_of=image(host.debian)))
            for name in ("web1", "db2")
        }
        made = Servers(tmp_path_factory.mktemp("servers"), {**hosts, "db1": host})
        made.describe({"db2": "db1"})
        yield made
        shutil.rmtree(made.sockets, ignore_errors=True)


@pytest.fixture(scope="module")
def servers(bare: Servers) -> Servers:
    bare.good("site.yml")
    return bare


def test_the_standby_has_what_the_primary_has_and_takes_no_writes(servers: Servers) -> None:
    with Orders(servers.hosts["web1"]) as orders:
        wait_for(lambda: len(orders.taken) > 5, seconds=20)
    assert servers.takes_writes("db1") and not servers.takes_writes("db2") and servers.streams("db2")
    wait_for(lambda: servers.orders("db2") == servers.orders("db1") == orders.taken, seconds=10)
    refused = servers.hosts["db2"].ask("runuser -u postgres -- psql -d shop -c 'delete from orders'")
    assert "read-only" in refused.stderr
    servers.sql("db1", "truncate orders")


def test_a_second_run_changes_nothing(servers: Servers) -> None:
    again = servers.good("playbooks/provision.yml", "--diff")
    assert again.count("changed") == 0, again.output


def test_the_password_is_nowhere_but_in_its_file(servers: Servers) -> None:
    secret = servers.hosts["db2"].run("cut -d: -f5 /etc/slipway/postgres/standby.pgpass")
    # Before the next test, whose commands have it in them, which the journal keeps of whoever writes to it.
    places = "/var/log /etc /var/lib/slipway /root /tmp /var/lib/postgresql/*/main/*.conf"
    for name in ("db1", "db2", "web1"):
        # -- in a file: what is searched for must not be found in the search itself.
        found = (
            servers.hosts[name]
            .ask(
                f"printf %s '{secret}' >/dev/shm/wanted; grep -rlFf /dev/shm/wanted {places} 2>/dev/null; "
                "journalctl --no-pager | grep -cFf /dev/shm/wanted; rm /dev/shm/wanted"
            )
            .stdout.split()
        )
        assert found == (["/etc/slipway/postgres/standby.pgpass", "0"] if name == "db2" else ["0"])


def test_only_the_standby_can_follow_and_it_can_do_nothing_else(servers: Servers) -> None:
    """The standby's password in the hands of another host, and what its role may do besides."""
    secret = servers.hosts["db2"].run("cut -d: -f5 /etc/slipway/postgres/standby.pgpass")
    primary = servers.hosts["db1"].address
    trusted = (
        f"hostaddr={primary} host=db1.slipway.internal sslmode=verify-full sslrootcert=/etc/slipway/identity/fleet.pem"
    )

    def psql(host: str, command: str, options: str, password: str = secret) -> tuple[int, str]:
        variables = f"PGPASSWORD={password} PGCONNECT_TIMEOUT=5"
        done = servers.hosts[host].ask(
            f"cd /; runuser -u nobody -- env {variables} psql -XAtw '{options} user=slipway_standby_db2' -c '{command}'"
        )
        return done.returncode, done.stdout + done.stderr

    follow = f"{trusted} replication=true"
    assert psql("db2", "IDENTIFY_SYSTEM", follow)[0] == 0
    assert "no pg_hba.conf entry" in psql("web1", "IDENTIFY_SYSTEM", follow)[1]
    assert "password authentication failed" in psql("db2", "IDENTIFY_SYSTEM", follow, "wrong")[1]
    plain = f"hostaddr={primary} host=db1.slipway.internal sslmode=disable replication=true"
    assert "no pg_hba.conf entry" in psql("db2", "IDENTIFY_SYSTEM", plain)[1]
    assert "no pg_hba.conf entry" in psql("db2", "SELECT 1", f"{trusted} dbname=shop")[1]
    other = follow.replace("host=db1", "host=db2")
    assert "certificate" in psql("db2", "IDENTIFY_SYSTEM", other)[1], "the certificate of another host is no primary's"


def test_a_promotion_is_shown_before_it_is_done(servers: Servers) -> None:
    nobody = servers.play("playbooks/promote.yml")
    assert nobody.code != 0 and "must be a standby of the group 'db' (there is: db2)" in nobody.output
    shown = servers.promote("db2")
    for text in ("db2 would become the primary PostgreSQL in the place of db1", "Lost    nothing", "-e confirm=switch"):
        assert text in shown.output, shown.output
    assert shown.code == 0 and servers.takes_writes("db1") and not servers.takes_writes("db2")


def test_the_two_change_places_while_orders_come_in_and_none_is_lost(servers: Servers) -> None:
    with Orders(servers.hosts["web1"]) as orders:
        wait_for(lambda: len(orders.taken) > 20, seconds=20)
        done = servers.promote("db2", "-e", "confirm=switch")
        assert done.code == 0, done.output
        assert servers.takes_writes("db2") and not servers.takes_writes("db1")
        missing = orders.taken - servers.orders("db2")
        assert not missing, f"{len(missing)} of {len(orders.taken)} orders that were taken are lost"
        before = servers.play("playbooks/provision.yml")
        assert before.code != 0 and "it was closed at" in before.output and "it was promoted at" in before.output
        servers.describe({"db1": "db2"})
        servers.good("site.yml")
        taken = len(orders.taken)
        wait_for(lambda: len(orders.taken) > taken + 5, seconds=20)
    assert orders.taken <= servers.orders("db2")
    print(f"taken {len(orders.taken)}, lost 0, outage {orders.outage:.1f} s with both playbooks\n{done.output}")


def test_the_former_primary_follows_without_a_copy_and_for_good(servers: Servers) -> None:
    assert servers.streams("db1") and not servers.takes_writes("db1")
    wait_for(lambda: servers.orders("db1") == servers.orders("db2"), seconds=10)
    servers.hosts["db1"].run("systemctl restart postgresql")
    wait_for(lambda: servers.hosts["db1"].ok("pg_isready -q") and servers.streams("db1"), seconds=30)
    assert not servers.takes_writes("db1")
    again: Play = servers.good("playbooks/provision.yml")
    assert again.count("changed") == 0, again.output


def test_one_that_is_the_primary_already_is_left_alone(servers: Servers) -> None:
    shown = servers.promote("db2")
    assert shown.code == 0 and "db2: PostgreSQL takes writes since" in shown.output and shown.count("changed") == 0
