# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What each of several hosts would have another of is refused, until somebody says that it may be so."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, state
from app_descriptions import shop

ELSEWHERE = {"database": "url", "database_url": "postgresql://u:canary@db.example.com/shop"}
HOSTS = ["web1", "web2", "web3"]


def said(changes: dict[str, Any], hosts: list[str] = HOSTS, shared: str = "") -> list[str]:
    return state.problems(description.normalise(shop(**changes)), hosts, shared)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        (
            {**ELSEWHERE, "shared_folders": ["uploads"]},
            "'shared_folders' is [uploads], but the app has 3 hosts (web1, web2, web3)",
        ),
        ({"database": "url", "database_url": "sqlite:////var/lib/shop/shop.db"}, "'database_url' is a SQLite file"),
        (
            {"database": "none", "environment": {"DB": "sqlite+aiosqlite:///shop.db"}},
            "DB in 'environment' is a SQLite file",
        ),
        (
            {"database": "none", "secrets": {"SECRET_KEY": "k9" * 20, "DB": "sqlite:///canary.db"}},
            "DB in 'secrets' is a SQLite",
        ),
        ({"database": "local"}, "'database' is 'local', but the app has 3 hosts"),
        ({"database": "mariadb"}, "'database' is 'mariadb', but the app has 3 hosts"),
        (
            {**ELSEWHERE, "handover": "stop_first"},
            "'handover' is 'stop_first', which is for an app that must be one process",
        ),
    ],
)
def test_what_would_differ_is_refused_with_a_way_on(changes: dict[str, Any], wrong: str) -> None:
    (text,) = said(changes)
    assert wrong in text
    assert "or set `state_per_host: true` if each host may have its own" in text
    assert "canary" not in text
    assert said({**changes, "state_per_host": True}) == []
    assert said(changes, ["web1"]) == []


@pytest.mark.parametrize(
    "changes",
    [ELSEWHERE, {"database": "none"}, {"database": "none", "environment": {"DB": "sqlite://"}},
     {"database": "none", "environment": {"DB": "sqlite:///:memory:"}}],
)  # fmt: skip
def test_what_is_elsewhere_or_lasts_for_nobody_is_fine(changes: dict[str, Any]) -> None:
    assert said(changes) == []


def test_a_database_host_is_a_database_for_all_of_them() -> None:
    assert said({"database": "local"}, shared="db1") == []


def test_many_hosts_are_not_all_named() -> None:
    (text,) = said({"database": "local"}, [f"web{number}" for number in range(1, 9)])
    assert "8 hosts (web1, web2, web3, web4, web5 and 3 more)" in text


def test_hosts_that_sign_sessions_with_different_keys_are_refused() -> None:
    def keyed(key: str, **more: Any) -> dict[str, Any]:
        return description.normalise(shop(secrets={"SECRET_KEY": key}, **more))

    one, other = "canary-1-" + "k9" * 20, "canary-2-" + "k9" * 20
    assert list(state.sessions_problems(keyed(one), {"web1": keyed(one), "web2": keyed(one)})) == []
    (said,) = state.sessions_problems(keyed(one), {"web1": keyed(one), "web2": keyed(other), "web3": {}})
    assert said.startswith("SECRET_KEY is another one on web2, web3, so that whoever is logged in")
    assert "canary" not in said
    for changes in ({"state_per_host": True}, {"secret_key_variable": ""}):
        assert list(state.sessions_problems(keyed(one, **changes), {"web2": keyed(other)})) == []
