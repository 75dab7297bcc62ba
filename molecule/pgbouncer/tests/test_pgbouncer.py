# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What apps, neighbours and attackers get from the host's pools of connections."""

from __future__ import annotations

import re

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

FOLDERS = {"alpha": "/run/slipway-pgbouncer/alpha", "beta-shop": "/run/slipway-pgbouncer/beta"}
UNIT = "slipway-pgbouncer-alpha.service"
CONFIG = "/etc/slipway-pgbouncer/alpha.ini"


def psql(host: Host, user: str, sql: str, owner: str = "alpha", database: str = "") -> CommandResult:
    """Ask the pool of OWNER's app as a system USER."""
    return host.run(
        "cd / && setpriv --reuid=%s --regid=%s --clear-groups psql -h %s -U %s -d %s -XAtc %s",
        user, user, FOLDERS[owner], owner, database or owner, sql,
    )  # fmt: skip


@pytest.mark.parametrize("user", FOLDERS)
def test_an_app_s_user_reaches_its_own_database_without_a_password(host: Host, user: str) -> None:
    found = psql(host, user, "select current_user || ' ' || current_database()", owner=user)
    assert found.stdout.strip() == f"{user} {user}", found.stderr


@pytest.mark.parametrize("user", ["beta-shop", "stranger", "postgres"])
def test_nobody_else_gets_in_even_where_the_folder_is_open(host: Host, user: str) -> None:
    assert psql(host, user, "select 1").rc != 0
    host.run_test("chmod 711 %s && chmod 777 %s/.s.PGSQL.5432", FOLDERS["alpha"], FOLDERS["alpha"])
    try:
        refused = psql(host, user, "select 1")
        assert refused.rc != 0
        assert "unix socket login rejected" in refused.stderr
    finally:
        host.run_test("chmod 700 %s", FOLDERS["alpha"])


def test_a_pool_leads_to_no_other_database(host: Host) -> None:
    for other in ("beta-shop", "postgres"):
        assert psql(host, "alpha", "select 1", database=other).rc != 0


def test_nothing_listens_on_the_network(host: Host) -> None:
    assert "pgbouncer" not in host.check_output("ss -Hltnp")
    assert host.run("systemctl is-active pgbouncer.service").stdout.strip() == "inactive"


def test_no_password_exists(host: Host) -> None:
    assert host.file("/etc/slipway-pgbouncer/alpha.users").content_string == '"alpha" ""\n'
    assert "password" not in host.file(CONFIG).content_string
    assert oct(host.file(CONFIG).mode) == "0o640"


def test_thirty_clients_share_three_connections_while_settings_are_reloaded(host: Host) -> None:
    """The server itself allows as many connections as the pool has, one more would be an error; pgbench counts them."""
    host.run_test("runuser -u postgres -- psql -c 'alter role alpha connection limit 3'")
    bench = host.check_output("ls /usr/lib/postgresql/*/bin/pgbench")
    script = (
        "cd /tmp && printf 'begin;\\nselect pg_sleep(0.002);\\nselect 1;\\nend;\\n' > alpha.sql && chmod 644 alpha.sql && "
        f"(setpriv --reuid=alpha --regid=alpha --clear-groups {bench} -n -h {FOLDERS['alpha']} -c 30 -j 2 -t 60 -f alpha.sql "
        "alpha > alpha.log 2>&1; echo status $? >> alpha.log) & "
        f'for size in 2 3 2 3; do sed -i "s/^default_pool_size = .*/default_pool_size = $size/" {CONFIG}; '
        f"systemctl reload {UNIT} || exit 1; done; wait; cat /tmp/alpha.log"
    )
    told = host.run(script).stdout
    host.run_test("runuser -u postgres -- psql -c 'alter role alpha connection limit -1'")
    assert "number of transactions actually processed: 1800/1800" in told, told
    assert "status 0" in told, told
    assert host.check_output(f"systemctl show -p NRestarts --value {UNIT}") == "0"


def test_statements_that_a_driver_prepares_work_where_the_version_has_them(host: Host) -> None:
    """PgBouncer 1.21 and later; before, a driver must not prepare (psycopg 3: prepare_threshold=None)."""
    found = re.search(r"PgBouncer 1\.(\d+)", host.check_output("pgbouncer --version"))
    assert found
    assert ("max_prepared_statements" in host.file(CONFIG).content_string) is (int(found[1]) >= 21)
    bench = host.check_output("ls /usr/lib/postgresql/*/bin/pgbench")
    done = host.run(
        f"cd /tmp && echo 'select 1;' > one.sql && chmod 644 one.sql && setpriv --reuid=alpha --regid=alpha --clear-groups "
        f"{bench} -n -h {FOLDERS['alpha']} -M prepared -c 8 -t 20 -f one.sql alpha"
    )
    assert ("already exists" in done.stderr) is (int(found[1]) < 21), done.stdout + done.stderr


def test_a_pool_that_is_killed_is_there_again(host: Host) -> None:
    before = host.check_output(f"systemctl show -p MainPID --value {UNIT}")
    host.run_test(f"kill -9 {before}")
    again = (
        f'until [ "$(systemctl show -p MainPID --value {UNIT})" != {before} ] && systemctl is-active --quiet {UNIT}; '
        "do sleep 0.1; done"
    )
    assert host.run("timeout 30 sh -c %s", again).rc == 0
    assert psql(host, "alpha", "select 1").stdout.strip() == "1"


def test_the_sandbox_is_tight(host: Host) -> None:
    told = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(told.split(":")[1].split()[0]) < 2.0, told
