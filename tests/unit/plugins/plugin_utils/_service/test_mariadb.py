# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's database in MariaDB or MySQL: its variable, and what its role is given."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import mysql_driver
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import normalise
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known, postgres
from app_descriptions import shop

SOCKET = "unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"
CA = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"
THERE = "mysql://u:p@db.example.org/shop"


def app(**given: Any) -> dict[str, Any]:
    return normalise(shop(**given))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"database": "mariadb"}, f"mysql+pymysql://shop@localhost/shop?{SOCKET}"),
        ({"database": "mariadb", "database_scheme": "mysql+mysqldb"}, f"mysql+mysqldb://shop@localhost/shop?{SOCKET}"),
        ({"database": "url", "database_url": THERE}, "mysql+pymysql://u:p@db.example.org/shop"),
        ({"database": "url", "database_url": "mariadb+pymysql://u:p@h/d"}, "mysql+pymysql://u:p@h/d"),
        ({"database": "url", "database_url": THERE, "database_ca": CA},
         "mysql+pymysql://u:p@db.example.org/shop?ssl_ca=/etc/ssl/slipway/shop-mysql-ca.crt"),
        ({"database": "url", "database_url": THERE, "database_ca": CA, "database_scheme": "mysql+mysqldb"},
         "mysql+mysqldb://u:p@db.example.org/shop?ssl_ca=/etc/ssl/slipway/shop-mysql-ca.crt&ssl_mode=VERIFY_IDENTITY"),
    ],
)  # fmt: skip
def test_the_app_gets_a_url_that_its_driver_reads(given: dict[str, Any], url: str) -> None:
    assert known.environment(app(**given)) == {"DATABASE_URL": url}


@pytest.mark.parametrize(
    "given", [{"database": "mariadb"}, {"database": "url", "database_url": THERE},
              {"database": "url", "database_url": "postgresql://u@h/d", "database_scheme": "mysql+pymysql"}]
)  # fmt: skip
def test_the_role_of_postgresql_has_nothing_to_do_with_it(given: dict[str, Any]) -> None:
    found = known.role_documents(app(**given))
    assert set(found) <= {"mariadb_server_databases", "mariadb_server_connections"}
    assert found["mariadb_server_connections"]["user"] == "shop"
    assert known.after_units(app(**given)) == ["mariadb.service"]


def test_the_driver_follows_the_app_s_packages_unless_a_scheme_is_given() -> None:
    assert postgres.wanted_scheme(app(database="mariadb")) == mysql_driver.AUTO
    assert postgres.wanted_scheme(app(database="mariadb", database_scheme="mysql+mysqldb")) == "mysql+mysqldb"
    assert postgres.wanted_scheme(app()) == "auto"


def test_migrations_as_an_owner_go_the_same_way() -> None:
    entry = app(
        database="url", database_url=THERE, database_ca=CA, database_owner_url="mysql://owner:o@db.example.org/shop"
    )
    assert postgres.owner_url(entry).startswith("mysql+pymysql://owner:o@db.example.org/shop?ssl_ca=")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"database": "mariadb", "name": "sys", "domains": ["a.example.org"]},
            "is a name that MariaDB keeps for itself",
        ),
        ({"database": "mariadb", "database_ca": CA}, "'database_ca' is given but 'database' is 'mariadb'"),
        ({"database": "url", "database_url": "mysql://u:p@h"}, "names no database"),
        ({"database": "url", "database_url": "mysql://u:p/w@h/d"}, "before its last '@'"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_changed(given: dict[str, Any], said: str) -> None:
    found = [text for service in known.SERVICES for text in service.refusals(app(**given))]
    assert said in " ".join(found)
    assert len(found) == 1
