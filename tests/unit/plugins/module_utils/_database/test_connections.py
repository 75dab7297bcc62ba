# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections a database's server has in use, and that one which does not tell is no failure."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import connections
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._postgres import check, names

FACTS = {
    "superuser_reserved_connections": 3, "reserved_connections": 1, "connections_used": 8, "max_connections": 100,
}  # fmt: skip


def test_connections_leave_out_those_that_are_kept_for_superusers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_psql", lambda: "psql")
    monkeypatch.setattr(check, "attempt", lambda *_: Attempt(FACTS))
    found = connections.connections("postgresql+psycopg:///shop", "shop")
    assert found == {"used": 7, "allowed": 96, "said": ""}


@pytest.mark.parametrize(
    ("url", "psql", "kind", "said"),
    [
        ("", "psql", "", "no database"),
        ("sqlite:///x", "psql", "", "sqlite"),
        ("postgresql:///shop", "", "", "no psql"),
        ("postgresql:///shop", "psql", "password_wrong", "password wrong"),
        ("no url", "psql", "", "unknown"),
    ],
)
def test_a_database_that_tells_nothing_is_no_failure(
    url: str, psql: str, kind: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "find_psql", lambda: psql)
    monkeypatch.setattr(check, "attempt", lambda *_: Attempt({}, kind, "long"))
    assert connections.connections(url, "shop") == {"used": None, "allowed": None, "said": said}
