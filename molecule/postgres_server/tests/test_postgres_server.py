# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What apps, neighbours and strangers get from the host's PostgreSQL."""

from __future__ import annotations

import json
import re
import time

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

ALPHA, BETA = "alpha", "beta-shop"


def query(host: Host, user: str, database: str, sql: str, *options: str) -> CommandResult:
    """Run SQL with psql as a system user, over the socket, as an app's driver would."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "psql", "-XAtq", "-h",
               "/var/run/postgresql", *options, "-d", database, "-c", sql]  # fmt: skip
    return host.run(" ".join(["%s"] * len(command)), *command)


def value(host: Host, sql: str, user: str = "postgres", database: str = "postgres") -> str:
    """Return the one answer to SQL; fail with the server's message when there is none."""
    answer = query(host, user, database, sql)
    assert answer.rc == 0, answer.stderr
    return str(answer.stdout.strip())


@pytest.mark.parametrize(("user", "database"), [(ALPHA, "alpha"), (ALPHA, "archive"), (BETA, "beta-shop")])
def test_owner_gets_in_without_a_password_and_makes_tables(host: Host, user: str, database: str) -> None:
    value(host, "CREATE TABLE probe (text text); INSERT INTO probe VALUES ('größe ✓')", user, database)
    assert value(host, "SELECT length(text) FROM probe", user, database) == "7"
    value(host, "DROP TABLE probe", user, database)


@pytest.mark.parametrize(
    ("user", "database", "reason"),
    [
        (BETA, "alpha", 'permission denied for database "alpha"'),
        (ALPHA, "beta-shop", 'permission denied for database "beta-shop"'),
        (BETA, "archive", 'permission denied for database "archive"'),
        (ALPHA, "postgres", 'permission denied for database "postgres"'),
        (ALPHA, "template1", 'permission denied for database "template1"'),
        ("stranger", "alpha", 'role "stranger" does not exist'),
    ],
)
def test_neighbours_and_strangers_stay_outside(host: Host, user: str, database: str, reason: str) -> None:
    answer = query(host, user, database, "SELECT 1")
    assert answer.rc != 0
    assert reason in answer.stderr


@pytest.mark.parametrize(("user", "role"), [(BETA, ALPHA), (ALPHA, "postgres"), ("root", "postgres"), ("root", ALPHA)])
def test_nobody_can_be_somebody_else(host: Host, user: str, role: str) -> None:
    answer = query(host, user, "alpha", "SELECT 1", "-U", role)
    assert answer.rc != 0
    assert f'Peer authentication failed for user "{role}"' in answer.stderr


def test_an_app_can_do_nothing_to_the_server(host: Host) -> None:
    for sql in (
        "CREATE DATABASE other",
        "CREATE ROLE other",
        "ALTER ROLE alpha SUPERUSER",
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER SYSTEM SET listen_addresses = '*'",
    ):
        answer = query(host, ALPHA, "alpha", sql)
        assert answer.rc != 0, sql
        assert "permission denied" in answer.stderr or "must be superuser" in answer.stderr, answer.stderr


def test_only_the_postgres_user_is_superuser_and_nobody_has_a_password(host: Host) -> None:
    assert value(host, "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper") == "postgres"
    assert value(host, "SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL") == "0"


def test_nothing_listens_on_the_network(host: Host) -> None:
    listeners = host.check_output("ss -H -l -n -t -u -p")
    assert "postgres" not in listeners
    assert ":5432" not in listeners
    over_tcp = query(host, ALPHA, "alpha", "SELECT 1", "-h", "127.0.0.1")
    assert "Connection refused" in over_tcp.stderr


@pytest.mark.parametrize("database", ["alpha", "archive", "beta-shop"])
def test_databases_take_any_language(host: Host, database: str) -> None:
    answer = value(
        host,
        "SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba) FROM pg_database "
        "WHERE datname = current_database()",
        database=database,
    )
    assert answer == f"UTF8|{ALPHA if database == 'archive' else database}"
    assert value(host, "SELECT upper('é') = 'É'", database=database) == "t"


def test_settings_are_in_effect(host: Host) -> None:
    wanted = {
        "shared_buffers": "153MB",
        "effective_cache_size": "512MB",
        "work_mem": "6MB",
        "maintenance_work_mem": "51MB",
        "max_connections": "40",
        "listen_addresses": "",
        "TimeZone": "UTC",
        "log_min_duration_statement": "250ms",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "autovacuum_work_mem": "17MB",
        "autovacuum_vacuum_scale_factor": "0.1",
        "pg_stat_statements.track_utility": "off",
        "log_lock_waits": "on",
        "statement_timeout": "1min",
        "search_path": '"$user", public',
    }
    names = ", ".join(f"'{name}'" for name in wanted)
    answer = value(host, f"SELECT json_object_agg(n, current_setting(n)) FROM unnest(ARRAY[{names}]) n", ALPHA, "alpha")
    assert json.loads(answer) == wanted


def test_extension_is_there_for_its_app_only(host: Host) -> None:
    assert value(host, "SELECT similarity('harbour', 'harbor') > 0.3", ALPHA, "alpha") == "t"
    assert query(host, BETA, BETA, "SELECT similarity('a', 'b')").rc != 0


def test_a_slow_statement_is_logged_without_its_parameters(host: Host) -> None:
    log = value(host, "SELECT 'postgresql-' || split_part(current_setting('server_version'), '.', 1) || '-main.log'")
    statements = "SELECT pg_sleep(0.3), $1 AS note \\bind s3cret-parameter \\g"
    if int(log.split("-")[1]) < 16:  # psql's \bind came with 16
        statements = "PREPARE p AS SELECT pg_sleep(0.3), $1 AS note; SELECT pg_sleep(0.3);"
    host.run(
        "printf '%%s\\n' %s | setpriv --reuid=alpha --regid=alpha --clear-groups psql -Xq -h /var/run/postgresql alpha",
        statements,
    )
    text = host.check_output("cat %s", f"/var/log/postgresql/{log}")
    assert re.search(r"duration: \d+\.\d+ ms .*pg_sleep\(0\.3\)", text)
    assert "s3cret-parameter" not in text


def test_what_statements_cost_is_counted_and_no_app_sees_another_ones(host: Host) -> None:
    value(host, "SELECT 'only-beta-knows', 4711", BETA, BETA)
    counted = (
        "SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = dbid "
        "WHERE datname = 'beta-shop' AND query ~ '^SELECT \\$1, \\$2'"
    )
    assert value(host, counted) == "SELECT $1, $2"
    for sql, reason in (
        ("SELECT * FROM pg_stat_statements", "does not exist"),
        ("CREATE EXTENSION pg_stat_statements", "permission denied to create extension"),
    ):
        answer = query(host, ALPHA, ALPHA, sql)
        assert answer.rc != 0, sql
        assert reason in answer.stderr
    # An app that asked for the extension (database_extensions) sees how many others there are, not what they say.
    value(host, "CREATE EXTENSION pg_stat_statements", database=ALPHA)
    seen = "SELECT count(*) FILTER (WHERE query <> '<insufficient privilege>') FROM pg_stat_statements WHERE userid <> "
    try:
        assert value(host, f"{seen} (SELECT oid FROM pg_roles WHERE rolname = 'alpha')", ALPHA, ALPHA) == "0"
        assert "permission denied" in query(host, ALPHA, ALPHA, "SELECT pg_stat_statements_reset()").stderr
    finally:
        value(host, "DROP EXTENSION pg_stat_statements", database=ALPHA)


def test_a_statement_that_fails_is_logged_without_its_parameters(host: Host) -> None:
    version = value(host, "SELECT split_part(current_setting('server_version'), '.', 1)")
    if int(version) < 16:
        pytest.skip("psql's \\bind came with 16")
    host.run(
        "printf '%%s\\n' %s | setpriv --reuid=alpha --regid=alpha --clear-groups psql -Xq -h /var/run/postgresql alpha",
        "SELECT length($1::text) / 0 AS broken \\bind s3cret-of-an-error \\g",
    )
    text = host.check_output("cat %s", f"/var/log/postgresql/postgresql-{version}-main.log")
    assert "AS broken" in text
    assert "s3cret-of-an-error" not in text


def test_apps_cannot_read_or_change_the_server_files(host: Host) -> None:
    files = host.check_output("ls -d /etc/postgresql/*/main/conf.d/slipway.conf /etc/postgresql/*/main/pg_hba.conf")
    for path in files.split():
        file = host.file(path)
        assert (file.user, file.mode & 0o022) == ("root", 0), path
    assert host.run("setpriv --reuid=alpha --regid=alpha --clear-groups sh -c 'ls /var/lib/postgresql/*/main'").rc != 0


def test_a_killed_server_is_back_by_itself(host: Host) -> None:
    """Nobody asks systemd to: what the kernel kills for want of memory must not stay down."""
    killed = host.check_output("cat /run/postgresql/*-main.pid")
    host.check_output(f"kill -9 {killed}")
    deadline = time.monotonic() + 60
    while query(host, ALPHA, "alpha", "SELECT 1").rc != 0:
        assert time.monotonic() < deadline, host.check_output("journalctl -u 'postgresql@*' -n 30")
        time.sleep(0.2)
    assert host.check_output("cat /run/postgresql/*-main.pid") != killed


def test_it_comes_back_after_a_restart(host: Host) -> None:
    assert host.service("postgresql").is_enabled
    host.check_output("systemctl stop 'postgresql@*'")
    assert query(host, ALPHA, "alpha", "SELECT 1").rc != 0
    host.check_output("systemctl restart postgresql.service")
    deadline = time.monotonic() + 15
    while query(host, ALPHA, "alpha", "SELECT 1").rc and time.monotonic() < deadline:
        time.sleep(0.2)
    assert value(host, "SELECT count(*) FROM pg_settings WHERE pending_restart", ALPHA, "alpha") == "0"
    test_nothing_listens_on_the_network(host)
