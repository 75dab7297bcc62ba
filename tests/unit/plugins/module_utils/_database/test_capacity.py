# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a database's server takes, and who is connected; one that can't be asked is no failure."""

from __future__ import annotations

import json
import subprocess

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import capacity
from ansible_collections.slipway.flask.plugins.module_utils._database.capacity import Server
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names, psql

FACTS = {
    "most": 100, "kept": 3, "role": "shop", "database": "shop", "role_limit": -1, "database_limit": None,
    "connected": [["shop", "shop", 4], ["blog", "blog", 2], ["", "postgres", 1]],
}  # fmt: skip


def answer(monkeypatch: pytest.MonkeyPatch, said: str, status: int = 0) -> None:
    """Have psql answer so."""
    monkeypatch.setattr(psql, "put", lambda *_: subprocess.CompletedProcess([], status, said, said))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql+psycopg:///shop?host=/var/run/postgresql", "/run/postgresql:5432"),
        ("postgresql:///shop", "/run/postgresql:5432"),
        ("postgres://u:p@db.example.com/shop", "db.example.com:5432"),
        ("postgresql://u:p@db.example.com:6543/shop?sslmode=require", "db.example.com:6543"),
        ("mysql+pymysql://u:p@db/shop", "db:3306"),
        ("mysql+mysqldb://shop@localhost/shop?unix_socket=/var/run/mysqld/mysqld.sock", "/run/mysqld/mysqld.sock"),
        ("redis://localhost/0", ""),
        ("postgresql://u:p@x y/shop", ""),
    ],
)
def test_a_server_has_one_name_however_a_url_writes_it(url: str, place: str) -> None:
    assert capacity.place_of_url(url) == place


def test_a_server_says_what_it_takes_and_who_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_psql", lambda: "psql")
    answer(monkeypatch, json.dumps(FACTS))
    found = capacity.ask("postgresql+psycopg:///shop", "shop")
    connected = {("shop", "shop"): 4, ("blog", "blog"): 2, ("", "postgres"): 1}
    assert found == Server("/run/postgresql:5432", 100, 3, "shop", "shop", connected=connected)
    assert found.used == 7


@pytest.mark.parametrize(
    ("url", "program", "said", "status"),
    [
        ("sqlite:///x", "psql", "{}", 0),
        ("postgresql:///shop", "", "{}", 0),
        ("postgresql:///shop", "psql", "sorry, too many clients already", 2),
        ("postgresql:///shop", "psql", "hello", 0),
        ("postgresql:///shop", "psql", "{}", 0),
        ("no url", "psql", "{}", 0),
    ],
)
def test_a_server_that_cannot_be_asked_is_no_failure(
    url: str, program: str, said: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "find_psql", lambda: program)
    answer(monkeypatch, said, status)
    assert capacity.ask(url, "shop") is None
