# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Database URLs: what is read from them, and what is said of those that can't be read."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, redact

SOCKET = {"host": "/var/run/postgresql", "dbname": "a"}


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("postgresql://u:p@h:6543/d", {"host": "h", "port": "6543", "user": "u", "password": "p", "dbname": "d"}),
        ("postgres://h/d", {"host": "h", "dbname": "d"}),
        ("POSTGRESQL://h", {"host": "h"}),
        ("postgresql:///a?host=/var/run/postgresql", SOCKET),
        ("postgresql+psycopg:///a?host=/var/run/postgresql", SOCKET),
        ("postgresql+psycopg2:///a?host=%2Fvar%2Frun%2Fpostgresql", SOCKET),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/a", SOCKET),
        ("postgresql+pg8000:///a?unix_sock=/var/run/postgresql/.s.PGSQL.5433", {**SOCKET, "port": "5433"}),
        ("postgresql+asyncpg://h/d?ssl=require", {"host": "h", "dbname": "d", "sslmode": "require"}),
        ("postgresql://u:tr%40de%2Fw%3A%25@h/d", {"host": "h", "user": "u", "password": "tr@de/w:%", "dbname": "d"}),
        ("postgresql://u:a:b@h/", {"host": "h", "user": "u", "password": "a:b"}),
        ("postgresql://a:1,b:2/d", {"host": "a,b", "port": "1,2", "dbname": "d"}),
        ("postgresql://a,b:2/d", {"host": "a,b", "port": "5432,2", "dbname": "d"}),
        ("postgresql+psycopg:///d?host=a:1&host=b:2", {"host": "a,b", "port": "1,2", "dbname": "d"}),
        ("postgresql://[::1]:5433/d", {"host": "::1", "port": "5433", "dbname": "d"}),
        ("postgresql://u@/d?password=x", {"user": "u", "password": "x", "dbname": "d"}),
        (
            "postgresql://h/d?connect_timeout=3&sslmode=verify-full",
            {"host": "h", "dbname": "d", "sslmode": "verify-full"},
        ),
    ],
)
def test_parameters(url: str, parameters: dict[str, str]) -> None:
    assert parse_url(url).parameters == parameters


@pytest.mark.parametrize("url", ["sqlite:////var/lib/a.db", "mysql+pymysql://u:p@h/d", "sqlite://"])
def test_other_databases(url: str) -> None:
    found = parse_url(url)
    assert not found.is_postgres
    assert found.parameters == {}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "must be a database URL"),
        ("", "must be a database URL"),
        ("host=h dbname=d", "space"),
        ("h/d", "must begin with a scheme"),
        ("postgresql://u:s3cret/x@h/d", "percent-encode"),
        ("postgresql://u:s3cret#x@h/d", "percent-encode"),
        ("postgresql://u:s3cret?x@h/d", "percent-encode"),
        ("postgresql://u:s3cret@x@h/d", "several '@'"),
        ("postgresql://u:s3cret%zz@h/d", "write %25"),
        ("postgresql://u:s3cret @h/d", "space"),
        ("postgresql://u:s3cret%00@h/d", "%00"),
        ("postgresql://h:port/d", "host that can't be read"),
        ("postgresql://h:70000/d", "from 1 to 65535"),
        ("postgresql://::1/d", "IPv6 as"),
        ("postgresql://u:s3cret@h/d?sslmode=on", "sslmode=on"),
        ("postgresql://u:s3cret@h/d?sslmode", "without a value"),
    ],
)
def test_refused(url: object, words: str) -> None:
    with pytest.raises(UrlError) as error:
        parse_url(url)
    assert words in str(error.value)
    assert "s3cret" not in str(error.value)


def test_environment_and_repr() -> None:
    url = parse_url("postgresql://u:s3cret@h/d?sslmode=require&application_name=x&schema=y")
    assert url.environment() == {
        "PGUSER": "u", "PGPASSWORD": "s3cret", "PGHOST": "h", "PGDATABASE": "d", "PGSSLMODE": "require",
    }  # fmt: skip
    assert url.unknown == ("schema",)
    assert "s3cret" not in repr(url)
    assert "s3cret" not in url.where


@pytest.mark.parametrize(
    ("url", "local"),
    [("postgresql:///a", True), ("postgresql://localhost/a", True), ("postgresql://localhost,h/a", False)],
)
def test_local(url: str, local: bool) -> None:
    assert parse_url(url).is_local is local


def test_redact() -> None:
    assert redact("p@ss and p%40ss, said p@ss", "p@ss") == "*** and ***, said ***"
    assert redact("nothing", "") == "nothing"
