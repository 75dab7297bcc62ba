# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a database that is the provider's is reached for a dump."""

from __future__ import annotations

import os

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import elsewhere
from ansible_collections.slipway.flask.plugins.module_utils._transfer.elsewhere import Elsewhere
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

URL = "postgresql+psycopg://shop:p%40ss@db.example.net:6432/shop?sslmode=require&options=-c%20role%3Dx"


def test_the_url_alone_says_where_and_no_variable_of_the_callers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "other")
    found = Elsewhere(URL, "shop")._parameters
    assert "PGSERVICE" not in os.environ
    assert {name: found[name] for name in ("host", "port", "dbname", "user", "password", "sslmode", "passfile")} == {
        "host": "db.example.net", "port": "6432", "dbname": "shop", "user": "shop", "password": "p@ss", "sslmode": "require",
        "passfile": "/nonexistent",
    }  # fmt: skip
    assert found["options"].startswith("-c role=x -c statement_timeout=0")


def test_a_password_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(parameters: dict[str, str]) -> None:
        raise elsewhere.ServerError(f"no: {parameters['password']}")

    monkeypatch.setattr(elsewhere, "Connection", refuse)
    with pytest.raises(DumpError, match="can't be asked") as error:
        Elsewhere(URL, "shop")._value("SELECT 1")
    assert "p@ss" not in str(error.value)


def test_nothing_of_the_callers_home_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With TLS, libpq opens ~/.postgresql/postgresql.crt, which in root's home is nobody else's to look for."""
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("PGSSLCERT", "/root/own.pem")
    found = Elsewhere("postgresql://shop@10.0.0.21:5432/shop?sslmode=verify-full", "shop")._parameters
    assert (os.environ["HOME"], "PGSSLCERT" in os.environ) == ("/nonexistent", False)
    assert found["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("options", "replace", "rows", "said"),
    [
        ("sslmode=require", True, True, "it is an external one"),
        ("passfile=/home/ann/.pgpass", True, True, "it is an external one"),
        ("passfile=/etc/slipway/passwords/shop.pgpass", False, True, "With -e replace=true the import replaces all"),
        ("passfile=/etc/slipway/passwords/shop.pgpass", True, True, ""),
        ("sslmode=require", False, False, ""),
    ],
)
def test_only_rows_on_a_host_of_the_inventory_are_replaced_and_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, options: str, replace: bool, rows: bool, said: str
) -> None:
    monkeypatch.setattr(Elsewhere, "has_rows", lambda self: rows)
    found = Elsewhere(f"postgresql+psycopg://shop@10.0.0.21:5432/shop?{options}", "shop").refused("shop", replace)
    assert said in found
    assert bool(found) is bool(said)
