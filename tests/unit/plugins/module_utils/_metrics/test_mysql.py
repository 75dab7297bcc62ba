# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MariaDB, as the host has it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import mysql
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import MysqlError

SHOP = App("shop", "/srv/shop", "/etc/shop", more={"mariadb": "shop"})
STATUS = [["threads_connected", "7"], ["slow_queries", "3"], ["com_commit", "40"], ["max_connections", "151"]]
FOLDERS = [["shop@002dtest", "98304"], ["mysql", "4096"], ["sys", "1"]]


class Server:
    """Answers what the part asks, and counts; with `down` it doesn't."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def __call__(self, statements: str, **_: Any) -> list[list[str]]:
        if self.down:
            raise MysqlError("mariadb failed with exit code 1")
        self.asked.append(statements)
        return FOLDERS if "TABLESPACES" in statements else STATUS


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(mysql.names, "sql", server)
    return server


def values(part: mysql.Mysql, now: float) -> dict[str, float]:
    return {" ".join((one.name, *one.labels.values())): one.value for one in part.samples(now)}


def test_mariadb_is_told_under_the_names_that_dashboards_know(server: Server) -> None:
    assert values(mysql.Mysql(Config(apps=[SHOP])), 0) == {
        "mysql_up": 1,
        "mysql_global_variables_max_connections": 151,
        "mysql_global_status_threads_connected": 7,
        "mysql_global_status_slow_queries": 3,
        "mysql_global_status_commands_total commit": 40,
        "slipway_mysql_database_size_bytes shop-test": 98304,
    }


def test_sizes_are_looked_at_once_a_minute_and_told_meanwhile(server: Server) -> None:
    part = mysql.Mysql(Config(apps=[SHOP]))
    assert len({len(values(part, now)) for now in (0.0, 15.0, 30.0, 45.0, 60.0)}) == 1
    assert sum("TABLESPACES" in sql for sql in server.asked) == 2


def test_a_server_that_is_down_is_told_and_one_that_comes_back_as_well(server: Server) -> None:
    part = mysql.Mysql(Config(apps=[SHOP]))
    assert values(part, 0)["mysql_up"] == 1
    server.down = True
    assert values(part, 15) == {"mysql_up": 0}
    server.down = False
    assert values(part, 30)["mysql_up"] == 1


def test_without_a_database_in_mariadb_nothing_is_asked(server: Server) -> None:
    assert values(mysql.Mysql(Config(apps=[App("blog", "/srv/blog", "/etc/blog", database="blog")])), 0) == {}
    assert server.asked == []
