# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Drivers of PostgreSQL: one that is there is enough, and the URL says the one that is there."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import driver as driver

SQLALCHEMY = {"sqlalchemy": "2.0.45"}
OLD, NEW = {"sqlalchemy": "1.4.54"}, {"sqlalchemy": "2.1.0b1"}
THREE, TWO, BINARY = {"psycopg": "3.3.4"}, {"psycopg2": "2.9.9"}, {"psycopg2-binary": "2.9.9"}


@pytest.mark.parametrize(
    ("packages", "wanted", "scheme", "lacking"),
    [
        # The app says nothing of the scheme: it follows what is there.
        ({**SQLALCHEMY, **THREE}, "auto", "postgresql+psycopg", ""),
        ({**SQLALCHEMY, **TWO}, "auto", "postgresql+psycopg2", ""),
        ({**SQLALCHEMY, **BINARY}, "auto", "postgresql+psycopg2", ""),
        ({**SQLALCHEMY, **BINARY, **THREE}, "auto", "postgresql+psycopg", ""),
        (SQLALCHEMY, "auto", "postgresql+psycopg", "psycopg[binary]"),
        (OLD, "auto", "postgresql+psycopg2", "psycopg2-binary"),
        ({**OLD, **TWO}, "auto", "postgresql+psycopg2", ""),
        ({**OLD, **THREE}, "auto", "postgresql+psycopg2", "psycopg2-binary"),  # 1.4 can't use psycopg
        ({**NEW, **THREE}, "auto", "postgresql+psycopg", ""),
        (THREE, "auto", "postgresql", ""),
        (TWO, "auto", "postgresql", ""),
        ({}, "auto", "postgresql", "psycopg[binary]"),
        ({"peewee": "3.17"}, "auto", "postgresql", "psycopg2-binary"),
        # It says one.
        ({**SQLALCHEMY, **TWO}, "postgresql+psycopg", "postgresql+psycopg", "psycopg[binary]"),
        ({**SQLALCHEMY, **THREE}, "postgresql+psycopg2", "postgresql+psycopg2", "psycopg2-binary"),
        ({**SQLALCHEMY, **TWO}, "postgresql+psycopg2", "postgresql+psycopg2", ""),
        ({**SQLALCHEMY, **THREE}, "postgresql", "postgresql", ""),
        ({**SQLALCHEMY, **TWO}, "postgresql", "postgresql", ""),
        ({"pg8000": "1.31"}, "postgres", "postgres", ""),
        (SQLALCHEMY, "postgresql", "postgresql", "psycopg2-binary"),
        (NEW, "postgresql", "postgresql", "psycopg[binary]"),
        ({}, "postgresql", "postgresql", "psycopg[binary]"),
        (SQLALCHEMY, "postgresql+pg8000", "postgresql+pg8000", ""),
        (SQLALCHEMY, "mysql+pymysql", "mysql+pymysql", "PyMySQL"),
        (SQLALCHEMY, "auto-mysql", "mysql+pymysql", "PyMySQL"),
        ({**SQLALCHEMY, "pymysql": "1.1.2"}, "auto-mysql", "mysql+pymysql", ""),
        ({**SQLALCHEMY, "mysqlclient": "2.2.7"}, "auto-mysql", "mysql+mysqldb", ""),
        ({**SQLALCHEMY, "mysql-connector-python": "9.5.0"}, "auto-mysql", "mysql+mysqlconnector", ""),
        ({**SQLALCHEMY, "pymysql": "1.1.2"}, "mysql+mysqlconnector", "mysql+mysqlconnector", "mysql-connector-python"),
        (SQLALCHEMY, "mysql+mysqldb", "mysql+mysqldb", ""),  # must be compiled: the app lists it with its headers
        ({"peewee": "3.18"}, "auto-mysql", "mysql", "PyMySQL"),
        ({"peewee": "3.18", "mysqlclient": "2.2.7"}, "auto-mysql", "mysql", ""),
        ({"flask-mysqldb": "2.0.0"}, "auto-mysql", "mysql", ""),
        (SQLALCHEMY, "", "", ""),
    ],
)
def test_which_scheme_and_which_driver(packages: dict[str, str], wanted: str, scheme: str, lacking: str) -> None:
    assert driver.scheme(packages, wanted) == scheme
    lines = driver.lacking(packages, wanted)
    assert [line.split(">=")[0] for line in lines] == ([lacking] if lacking else [])
    assert not [line for line in lines if "==" in line]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('DATABASE_URL="postgresql+psycopg:///shop"\n', 'DATABASE_URL="postgresql+psycopg2:///shop"\n'),
        ("A=1\nDATABASE_URL=postgresql+psycopg://u:p@h/x\n", "A=1\nDATABASE_URL=postgresql+psycopg2://u:p@h/x\n"),
        ('OTHER_DATABASE_URL="postgresql+psycopg:///shop"\n', None),
        (
            'DATABASE_URL="postgresql:///shop?next=postgres://"\n',
            'DATABASE_URL="postgresql+psycopg2:///shop?next=postgres://"\n',
        ),
        ('DATABASE_URL="mysql+pymysql://h/x"\n', None),
    ],
)
def test_only_the_scheme_of_the_databases_own_url_is_fitted(text: str, after: str | None) -> None:
    assert driver.fitted(text, "DATABASE_URL", "postgresql+psycopg2") == (after or text)
