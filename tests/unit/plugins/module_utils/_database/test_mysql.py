# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MySQL and MariaDB: how a migration is limited, and how a dump is made and restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import known, mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url

LOCAL = "mysql+pymysql://shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock"
THERE = "mysql+mysqldb://keeper:s3cret@db:3307/shop?ssl_ca=/ca"


@pytest.mark.parametrize(
    ("lock", "statement", "command"),
    [
        (5, 60, "SET SESSION lock_wait_timeout=5,innodb_lock_wait_timeout=5 /*M! ,max_statement_time=60 */"),
        (5, 0, "SET SESSION lock_wait_timeout=5,innodb_lock_wait_timeout=5"),
        (0, 60, "SET @slipway=1 /*M! ,SESSION max_statement_time=60 */"),
        (0, 0, ""),
    ],
)
def test_a_migration_s_session_gives_up_in_time(lock: int, statement: int, command: str) -> None:
    limited = known.of(LOCAL).limited(LOCAL, {"lock": lock, "statement": statement})
    assert limited == (f"{LOCAL}&init_command={command.replace(' ', '+')}" if command else LOCAL)


def test_a_dump_has_no_password_in_its_arguments_and_brings_the_whole_database_back() -> None:
    dump = known.of(THERE).dump(THERE)
    assert dump is not None
    argv = dump.command(Path("/var/backups/x.part"))
    assert {"--single-transaction", "--add-drop-database", "--result-file=/var/backups/x.part", "--host=db"} <= set(
        argv
    )
    assert argv[argv.index("--databases") + 1] == "shop"
    assert "s3cret" not in " ".join(argv)
    assert dump.environment() == {"MYSQL_PWD": "s3cret"}
    assert "s3cret" not in dump.restore(Path("/x.dump"), "shop")
    assert "it asks for the password" in dump.restore(Path("/x.dump"), "shop")


def test_over_the_socket_the_app_s_own_user_restores() -> None:
    dump = known.of(LOCAL).dump(LOCAL)
    assert dump is not None
    assert dump.environment() == {}
    command = "mariadb --no-defaults --user=shop --socket=/run/mysqld/mysqld.sock shop < /x.dump"
    assert dump.restore(Path("/x.dump"), "shop") == f"runuser -u shop -- {command}"


def test_a_password_is_taken_out_of_what_a_migration_prints() -> None:
    assert known.of(THERE).secret(THERE)("Access denied s3cret") == "Access denied ***"


@pytest.mark.parametrize("scheme", ["mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"])
def test_both_names_are_one_dialect_that_undoes_nothing(scheme: str) -> None:
    found = known.of(f"{scheme}://u@h/d")
    assert (found.name, found.undoes_ddl, found.is_judged) == ("mysql", False, False)


def test_a_url_that_can_not_be_read_is_left_alone() -> None:
    assert mysql.Mysql().limited("mysql://a:b/c@h/d", {"lock": 5}) == "mysql://a:b/c@h/d"
    assert mysql.Mysql().dump("mysql://h") is None


def test_a_dump_and_its_way_back_connect_with_the_same_tls_as_the_check() -> None:
    """The client of MariaDB 11.4 and newer looks at a certificate unless it is told not to."""
    for more, options in (
        ("?ssl=true", {"--ssl", "--skip-ssl-verify-server-cert"}),
        ("?ssl_ca=/ca", {"--ssl", "--ssl-ca=/ca", "--ssl-verify-server-cert"}),
        ("", {"--skip-ssl"}),
    ):
        found = mysql.parsed(f"mysql+pymysql://u:p@db.example.com/shop{more}")
        assert found
        for command in (
            mysql.dumping(found),
            mysql.Dump(found).restore(Path("/x"), "shop").split(),
            url.command("mariadb", found, 5),
        ):
            assert {word for word in command if "ssl" in word} == options


BROKEN_VIEW = (
    "mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `v`': View 'shop.v' references invalid table(s) (1356)\n"
)
CRASHED = "mariadb-dump: Couldn't execute 'SHOW CREATE TABLE `log_1356`': Table 'log_1356' is marked as crashed (145)\n"


@pytest.mark.parametrize(
    ("status", "said", "whole"),
    [
        (0, "", True),
        (2, BROKEN_VIEW, True),
        (
            2,
            "mariadb-dump: Got error: 1356: \"View 'shop.v' references invalid table(s)\" when using LOCK TABLES\n",
            True,
        ),
        (2, "", False),
        (2, CRASHED, False),
        (2, CRASHED + BROKEN_VIEW * 100, False),
        (-9, BROKEN_VIEW, False),
        (2, BROKEN_VIEW * 20_000, False),
    ],
)
def test_a_dump_that_failed_lacks_nothing_only_where_all_that_it_says_is_about_broken_views(
    status: int, said: str, whole: bool
) -> None:
    assert mysql.is_whole(status, said.encode()) is whole
