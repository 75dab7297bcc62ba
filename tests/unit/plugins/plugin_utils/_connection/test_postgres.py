# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Lists of database connections: mistakes are named, secrets are kept apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import postgres

PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"


def entry(**keys: Any) -> dict[str, Any]:
    """Return a connection."""
    return {"name": "shop", "url": "postgresql://u:s3cret@h/d?sslmode=verify-full", **keys}


@pytest.mark.parametrize("good", [entry(), entry(ca=PEM, user="shop"), entry(url="sqlite://", ca_file="/x")])
def test_good_connections(good: dict[str, Any]) -> None:
    assert postgres.problems([good]) == []


@pytest.mark.parametrize(
    ("connections", "words"),
    [
        ("x", "must be a list"),
        ([{"name": "x"}], "'name' and 'url'"),
        ([entry(), entry()], "listed twice"),
        ([entry(name="../x")], "the name must"),
        ([entry(user="a b")], "is not a valid system user name"),
        ([entry(cafile="x")], "unknown key 'cafile'"),
        ([entry(ca="/etc/x.pem")], "a file's path goes into ca_file"),
        ([entry(ca=PEM, ca_file="x")], "either ca"),
        ([entry(ca=PEM, url="postgresql://u:s3cret@h/d?sslmode=require")], "sslmode is require"),
        ([entry(ca=PEM, url="postgresql://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/x")], "make them the same"),
        ([entry(url="postgresql://u:s3cret/@h/d")], "connection 'shop': url has"),
    ],
)
def test_bad_connections(connections: Any, words: str) -> None:
    found = " ".join(postgres.problems(connections))
    assert words in found
    assert "s3cret" not in found


def test_plan_keeps_secrets_apart() -> None:
    plan = postgres.plan([entry(ca=PEM), entry(name="b", ca_file="b.pem", user="x"), entry(name="c", url="sqlite://")])
    assert "s3cret" not in json.dumps([plan["checks"], plan["files"]])
    assert [one["ca"] for one in plan["checks"]] == ["/etc/ssl/slipway/shop-ca.crt", "/etc/ssl/slipway/b-ca.crt", ""]
    assert plan["files"] == [
        {"dest": "/etc/ssl/slipway", "state": "directory"},
        {"dest": "/etc/ssl/slipway/shop-ca.crt", "content": PEM + "\n"},
        {"dest": "/etc/ssl/slipway/b-ca.crt", "src": "b.pem"},
    ]
    assert postgres.plan([entry()])["files"] == []


@pytest.mark.parametrize(
    ("url", "scheme", "parameters", "wanted"),
    [
        ("postgres://u:p%40@h/d", "postgresql+psycopg", {}, "postgresql+psycopg://u:p%40@h/d"),
        ("postgres://h/d", "", {"sslmode": "require"}, "postgres://h/d?sslmode=require"),
        ("postgresql://h/d?sslmode=disable", "", {"sslmode": "require", "sslrootcert": "/a b"},
         "postgresql://h/d?sslmode=disable&sslrootcert=/a%20b"),
        ("postgresql:///d?host=/run", "postgresql+psycopg2", {"host": "/x", "sslrootcert": ""},
         "postgresql+psycopg2:///d?host=/run"),
        ("sqlite:///x", "postgresql", {"sslmode": "require"}, "sqlite:///x"),
    ],
)  # fmt: skip
def test_rewrite(url: str, scheme: str, parameters: dict[str, str], wanted: str) -> None:
    assert postgres.rewrite_url(url, scheme, parameters) == wanted
