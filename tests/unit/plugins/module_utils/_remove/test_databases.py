# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of an app the servers have, and what of it is in databases of others."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._remove import databases

CLUSTER = Cluster("17", "main", 5432, True, "")


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Have a PostgreSQL and a MariaDB with a database `shop` each; answers of the first by a part of the question."""
    said = {"datdba": "shop\n", "deptype": "shop\n"}

    def psql(cluster: Cluster, text: str, database: str = "") -> str:
        return next((answer for part, answer in said.items() if part in text), "")

    monkeypatch.setattr(databases.postgres, "find_cluster", lambda wanted="": CLUSTER)
    monkeypatch.setattr(databases.postgres, "psql", psql)
    monkeypatch.setattr(databases.swap, "databases", lambda cluster: {"postgres", "shop", "blog"})
    monkeypatch.setattr(databases.swap, "size", lambda cluster, name: 8)
    monkeypatch.setattr(databases.restores, "all_of", lambda app: [])
    monkeypatch.setattr(databases.mysql, "find_client", lambda: "mariadb")
    monkeypatch.setattr(databases, "SOCKET", "/dev/null")
    monkeypatch.setattr(databases.mysql, "sql", lambda text: [["shop"], ["mysql"]])
    monkeypatch.setattr(databases.mariadb_tables, "size", lambda name: 7)
    return said


def test_an_app_whose_older_releases_used_the_other_server_has_two_databases_and_both_can_be_exported(
    servers: dict[str, str],
) -> None:
    found = databases.look("shop", {"postgres", "mariadb"})
    assert (found.postgres, found.mariadb) == ({"shop": 8}, {"shop": 7})
    assert [url.partition(":")[0] for url in found.urls] == ["postgresql", "mysql"]
    assert [url.partition(":")[0] for url in databases.look("shop", {"postgres"}).urls] == ["postgresql"]


def test_tables_in_a_database_of_another_app_are_named_for_they_would_go_with_the_role(servers: dict[str, str]) -> None:
    assert databases.look("shop", {"postgres"}).strewn == []
    servers["deptype"] = "blog\npostgres\nshop\n"
    assert databases.look("shop", {"postgres"}).strewn == ["blog", "postgres"]
    assert databases.look("shop", set()).strewn == []  # the role stays then
