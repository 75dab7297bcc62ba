# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a primary and its standby have in their configuration for each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords, replica, replication, standby
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import Primary

DB1 = Primary("db1", "10.0.0.1", "db1.slipway.internal")


@pytest.mark.parametrize("host", ["db2", "DB2", "db-2", "db.2", "db2.example.org", "x" * 80, "10.0.0.2", "fd00::2"])
def test_each_host_has_a_slot_of_its_own_that_postgresql_takes(host: str) -> None:
    assert re.fullmatch(r"[a-z0-9_]{1,63}", replica.slot(host))
    others = {
        replica.slot(name) for name in ("db_2", "db2_example_org", "x" * 79, "10_0_0_2", "db2", "db-2") if name != host
    }
    assert replica.slot(host) not in others


def test_a_standby_shows_no_password_and_takes_only_its_primarys_certificate() -> None:
    text = replica.conninfo(DB1, "db2")
    assert "password=" not in text
    for wanted in ("host=db1.slipway.internal", "hostaddr=10.0.0.1", "sslmode=verify-full", "user=slipway_standby_db2",
                   "sslrootcert=/etc/slipway/identity/fleet.pem", "passfile=/etc/slipway/postgres/standby.pgpass"):  # fmt: skip
        assert wanted in text.split()


def test_a_value_with_quotes_stays_one_value() -> None:
    assert replica.conninfo(Primary("a", "10.0.0.1", "it's a"), "b").split(" hostaddr")[0] == r"host='it\'s a'"


def test_a_primary_lets_each_standby_in_from_its_own_address_and_over_tls() -> None:
    standbys = [{"name": "db2", "address": "10.0.0.2"}, {"name": "db3", "address": "fd00::3"}]
    assert replica.primary_rules(standbys) == [
        "hostssl replication slipway_standby_db2 10.0.0.2/32 scram-sha-256",
        "hostssl replication slipway_standby_db3 fd00::3/128 scram-sha-256",
    ]
    assert replica.primary_settings(standbys, 512) == {"max_slot_wal_keep_size": "512MB"}
    assert replica.primary_settings([]) == {}


FRESH = {"roles": {}, "slots": {}}
DB2 = {"name": "db2", "verifier": "SCRAM-SHA-256$4096:c2FsdA==$stored:server"}


def test_a_standby_gets_a_role_that_can_do_nothing_but_follow() -> None:
    todo = replication.plan([DB2], FRESH)
    role, slot = todo.sql
    assert role.startswith('CREATE ROLE "slipway_standby_db2" LOGIN REPLICATION NOSUPERUSER')
    assert slot == "SELECT pg_create_physical_replication_slot('slipway_standby_db2', true)"
    assert "SCRAM" not in " ".join(todo.actions)


def test_nothing_is_done_for_a_standby_that_is_known() -> None:
    state = {"roles": {"slipway_standby_db2": DB2["verifier"]}, "slots": {"slipway_standby_db2": "reserved"}}
    assert replication.plan([DB2], state).sql == []


def test_a_new_password_is_taken_over() -> None:
    state = {"roles": {"slipway_standby_db2": "SCRAM-SHA-256$4096:old"}, "slots": {"slipway_standby_db2": "reserved"}}
    assert [line.split()[0] for line in replication.plan([DB2], state).sql] == ["ALTER"]


def test_a_slot_whose_wal_is_gone_is_made_anew_and_its_standby_named() -> None:
    state = {"roles": {"slipway_standby_db2": DB2["verifier"]}, "slots": {"slipway_standby_db2": "lost"}}
    todo = replication.plan([DB2], state)
    assert todo.lost == ["db2"]
    assert "pg_drop_replication_slot" in todo.sql[1] and "pg_create_physical_replication_slot" in todo.sql[2]


def test_a_host_that_is_no_standby_any_more_can_neither_log_in_nor_hold_the_log() -> None:
    state = {"roles": {"slipway_standby_db9": "SCRAM"}, "slots": {"slipway_standby_db9": "extended"}}
    sql = "\n".join(replication.plan([], state).sql)
    assert "pg_drop_replication_slot('slipway_standby_db9')" in sql and 'DROP ROLE "slipway_standby_db9"' in sql


def test_a_standby_that_is_not_part_of_the_run_keeps_what_it_has() -> None:
    state = {"roles": {"slipway_standby_db2": "SCRAM"}, "slots": {"slipway_standby_db2": "reserved"}}
    assert replication.plan([{"name": "db2", "verifier": ""}], state).sql == []


def test_what_the_primary_keeps_is_of_the_password_and_always_the_same() -> None:
    kept = standby.verifier("a-password")
    assert passwords.is_of(kept, "a-password") and not passwords.is_of(kept, "another")
    assert kept == standby.verifier("a-password")


DEBIAN = """\
# Automatic startup configuration
#   auto: automatically start the cluster
#   manual: manual startup with pg_ctlcluster/postgresql@.service only
#   disabled: refuse to start cluster

auto
"""


def test_a_closed_server_does_not_start_at_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Here(Cluster):
        @property
        def folder(self) -> Path:
            return tmp_path

    monkeypatch.setattr(standby.systemd, "systemctl", lambda *_: None)
    cluster, file = Here("17", "main", 5432, False, ""), tmp_path / "start.conf"
    file.write_text(DEBIAN)
    assert not standby.at_boot(cluster, True) and file.read_text() == DEBIAN
    assert standby.at_boot(cluster, False) and file.read_text() == "manual\n"
    assert not standby.at_boot(cluster, False)
    assert standby.at_boot(cluster, True) and file.read_text() == "auto\n"
