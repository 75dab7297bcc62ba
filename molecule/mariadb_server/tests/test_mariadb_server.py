# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What apps, neighbours and strangers get from the host's MariaDB, and what a server of somebody else's keeps."""

from __future__ import annotations

import time

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

ALPHA, BETA = "alpha", "beta-shop"


def query(host: Host, user: str, database: str, sql: str, *options: str) -> CommandResult:
    """Run SQL as a system user, over the socket, as an app's driver would."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    command += ["mariadb", "--no-defaults", "-NB", "--default-character-set=utf8mb4", *options, "-e", sql, database]
    return host.run(" ".join(["%s"] * len(command)), *command)


def value(host: Host, sql: str, user: str = "root", database: str = "mysql") -> str:
    """Return the answer to SQL; fail with the server's message when there is none."""
    answer = query(host, user, database, sql)
    assert answer.rc == 0, answer.stderr
    return str(answer.stdout.strip())


def is_somebodys(host: Host) -> bool:
    return str(host.backend.name).endswith("-12")


@pytest.mark.parametrize(("user", "database"), [(ALPHA, "alpha"), (ALPHA, "arch_ive"), (BETA, "beta-shop")])
def test_owner_gets_in_without_a_password_and_makes_tables(host: Host, user: str, database: str) -> None:
    value(host, "CREATE TABLE probe (text VARCHAR(20)); INSERT INTO probe VALUES ('größe ✓ 🚢')", user, database)
    assert value(host, "SELECT CHAR_LENGTH(text) FROM probe", user, database) == "9"
    value(host, "DROP TABLE probe", user, database)


@pytest.mark.parametrize(
    ("user", "database", "reason"),
    [
        (BETA, "alpha", "Access denied for user 'beta-shop'@'localhost' to database 'alpha'"),
        (ALPHA, "beta-shop", "Access denied for user 'alpha'@'localhost' to database 'beta-shop'"),
        (ALPHA, "archXive", "Access denied for user 'alpha'@'localhost' to database 'archXive'"),
        (ALPHA, "mysql", "Access denied for user 'alpha'@'localhost' to database 'mysql'"),
        ("stranger", "alpha", "Access denied for user 'stranger'@'localhost'"),
    ],
)
def test_neighbours_and_strangers_stay_outside(host: Host, user: str, database: str, reason: str) -> None:
    answer = query(host, user, database, "SELECT 1")
    assert answer.rc != 0
    assert reason in answer.stderr


@pytest.mark.parametrize(("user", "account"), [(BETA, ALPHA), (ALPHA, "root"), (ALPHA, "mysql")])
def test_nobody_can_be_somebody_else(host: Host, user: str, account: str) -> None:
    answer = query(host, user, "alpha", "SELECT 1", f"--user={account}")
    assert answer.rc != 0
    assert f"Access denied for user '{account}'@'localhost'" in answer.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE DATABASE other",
        "CREATE USER other@localhost",
        "GRANT ALL ON alpha.* TO stranger@localhost",
        "SET GLOBAL max_connections = 9",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT * FROM information_schema.innodb_trx",
    ],
)
def test_an_app_can_do_nothing_to_the_server(host: Host, sql: str) -> None:
    answer = query(host, ALPHA, "alpha", sql)
    assert answer.rc != 0
    assert "ccess denied" in answer.stderr or "not allowed" in answer.stderr, answer.stderr


def test_nobody_but_root_and_the_server_itself_is_an_administrator(host: Host) -> None:
    rows = value(host, "SELECT User FROM mysql.global_priv WHERE JSON_VALUE(Priv, '$.access') > 0 ORDER BY User")
    assert rows.split() == ["mysql", "root"]


@pytest.mark.parametrize("database", ["alpha", "arch_ive", "beta-shop"])
def test_databases_take_any_language(host: Host, database: str) -> None:
    names = "default_character_set_name, default_collation_name"
    sql = f"SELECT {names} FROM information_schema.schemata WHERE schema_name = '{database}'"
    assert value(host, sql).split() == ["utf8mb4", "utf8mb4_unicode_ci"]


def test_nothing_listens_on_the_network_but_on_a_server_of_somebody_else(host: Host) -> None:
    listens = "mariadbd" in host.check_output("ss -H -l -n -t -p")
    assert listens == is_somebodys(host)


def test_settings_are_in_effect_but_on_a_server_of_somebody_else(host: Host) -> None:
    names = [
        "max_connections",
        "innodb_buffer_pool_size",
        "wait_timeout",
        "local_infile",
        "innodb_io_capacity",
        "time_zone",
    ]
    found = value(host, "SELECT " + ", ".join(f"@@{name}" for name in names)).split()
    if is_somebodys(host):
        assert found == ["77", "134217728", "28800", "1", "200", "SYSTEM"]
        assert not host.file("/etc/mysql/mariadb.conf.d/90-slipway.cnf").exists
    else:
        assert [found[0], *found[2:]] == ["40", "2592000", "0", "300", "+00:00"]
        assert 204 <= int(found[1]) // 2**20 <= 208


def test_what_belongs_to_somebody_else_is_as_it_was(host: Host) -> None:
    if not is_somebodys(host):
        pytest.skip("nothing was there before")
    assert value(host, "SELECT COUNT(*) FROM legacy.kept") == "2"
    assert value(host, "SELECT COUNT(*) FROM global_priv WHERE User IN ('clerk', 'careful', 'taken')") == "3"
    assert value(host, "SELECT COUNT(*) FROM db WHERE Db = 'legacy' AND User = 'alpha'") == "0"


def test_apps_cannot_read_or_change_the_server_files(host: Host) -> None:
    assert host.run("setpriv --reuid=alpha --regid=alpha --clear-groups ls /var/lib/mysql/alpha").rc != 0
    if not is_somebodys(host):
        file = host.file("/etc/mysql/mariadb.conf.d/90-slipway.cnf")
        assert (file.user, file.mode & 0o022) == ("root", 0)


def test_it_comes_back_after_a_restart_and_a_kill(host: Host) -> None:
    assert host.service("mariadb").is_enabled
    killed = host.check_output("cat /run/mysqld/mysqld.pid")
    host.check_output(f"kill -9 {killed}")
    deadline = time.monotonic() + 60
    while query(host, ALPHA, "alpha", "SELECT 1").rc != 0:
        assert time.monotonic() < deadline, host.check_output("journalctl -u mariadb -n 30")
        time.sleep(0.2)
    assert host.check_output("cat /run/mysqld/mysqld.pid") != killed
