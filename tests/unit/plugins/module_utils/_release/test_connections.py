# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A deploy is refused when the database does not take the connections that the release may open, before anything changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import capacity
from ansible_collections.slipway.flask.plugins.module_utils._database.capacity import Server
from ansible_collections.slipway.flask.plugins.module_utils._host.sandbox import Command
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names as pgbouncer
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import FakeHost

URL = "postgresql+psycopg:///shop?host=/var/run/postgresql"
LOCAL = "/run/postgresql:5432"
SERVED = [3, 4, "gthread"]
ENGINE = {
    "kind": "SQLAlchemy", "dialect": "postgresql", "driver": "psycopg", "host": "/var/run/postgresql", "port": 0, "most": 15,
    "least": 0,
}  # fmt: skip


@pytest.fixture
def shop(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host whose app has a local database, in a server that takes 100 connections."""
    host.configure(f'SECRET_KEY="{"k" * 40}"\nDATABASE_URL="{URL}"\n')
    host.probes = [{"served": SERVED, "pools": [ENGINE]}]
    answer(monkeypatch, most=100)
    return host


def answer(monkeypatch: pytest.MonkeyPatch, **server: Any) -> None:
    """Have the server of each place say so of itself."""
    told = {"most": 100, "kept": 3, "role": "shop", "database": "shop", **server}
    monkeypatch.setattr(capacity, "ask", lambda url, user: Server(capacity.place_of_url(url), **told))


def test_a_release_within_the_budget_is_deployed_and_records_what_it_may_open(shop: FakeHost) -> None:
    shop.deploy()
    assert shop.record()["connections"] == [
        {"place": LOCAL, "role": "shop", "database": "shop", "release": 12, "switch": 24}
    ]


@pytest.mark.parametrize(
    ("app", "server", "changes", "said"),
    [
        (
            {"served": [4, 40, "gthread"]},
            {},
            {},
            "web 4 × 15 × 2 while two releases run + 3 reserved for superusers = 123",
        ),
        ({"served": [4, 40, "gthread"], "pools": None}, {}, {}, "web 4 × 40 × 2"),
        ({"pools": [{**ENGINE, "most": 0}]}, {"most": 20}, {}, "web 3 × 4 × 2"),
        ({"pools": [ENGINE, {**ENGINE, "most": 2}]}, {"most": 38}, {}, "web 3 × 6 × 2"),
        ({}, {"most": 26}, {}, "= 27; the server accepts 26 (max_connections)"),
        ({}, {"connected": {("ann", "shop"): 74}}, {}, "+ 74 that others have open"),
        ({}, {"role_limit": 20}, {}, "its role shop may have 20"),
        ({}, {}, {"database": {"connections": 20}}, "`database_connections` allows 20"),
        ({}, {}, {"hosts": 5}, "× 5 hosts"),
    ],
)
def test_a_release_over_the_budget_is_refused_at_the_check(
    app: dict[str, Any], server: dict[str, Any], changes: dict[str, Any], said: str, shop: FakeHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    shop.deploy()
    before = shop.serving()
    shop.change()
    shop.probes = [{"served": SERVED, "pools": [ENGINE], **app}]
    answer(monkeypatch, **server)
    with pytest.raises(ReleaseError) as refused:
        shop.deploy(**changes)
    arithmetic, ways = str(refused.value).split("\n")
    assert said in arithmetic
    assert "Options: fewer `threads`" in ways
    assert refused.value.stage == "check"
    assert shop.serving() == before


@pytest.mark.parametrize(
    ("app", "server", "changes"),
    [
        ({"pools": [{**ENGINE, "dialect": "mysql"}]}, {"most": 5}, {}),
        ({"pools": [{**ENGINE, "host": "elsewhere"}]}, {"most": 5}, {}),
        ({}, {"most": 27}, {}),
        ({}, {"connected": {("shop", "shop"): 90}}, {}),
        ({}, {}, {"database": {"connections": 24}}),
    ],
)
def test_a_release_that_the_servers_take_is_deployed(
    app: dict[str, Any],
    server: dict[str, Any],
    changes: dict[str, Any],
    shop: FakeHost,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.probes = [{"served": SERVED, "pools": [ENGINE], **app}]
    answer(monkeypatch, **server)
    assert shop.deploy(**changes).changed


def test_a_server_that_cannot_be_asked_refuses_nothing_but_for_what_the_description_says(
    shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "ask", lambda url, user: None)
    with pytest.raises(ReleaseError, match="`database_connections` allows 20"):
        shop.deploy(database={"connections": 20})
    notes = shop.deploy().notes
    assert any(
        "could not be asked for its limit: the app may open 24 connections (web 3 × 4 × 2" in note for note in notes
    )
    assert shop.record()["connections"] == []


def test_workers_without_a_limit_over_a_pool_without_one_are_noted(shop: FakeHost) -> None:
    shop.probes = [{"served": [3, 1000, "gevent"], "pools": [{**ENGINE, "most": 0}]}]
    notes = shop.deploy().notes
    assert any("connections is not limited: gevent workers" in note for note in notes)


def neighbour(shop: FakeHost, release: int, runs: bool = False) -> None:
    """Have another app serve on the host, which may open so many connections; RUNS: it is being deployed."""
    folder = shop.paths.root.parent / "blog"
    (folder / "releases/0001-a").mkdir(parents=True)
    (folder / "current").symlink_to("releases/0001-a")
    entry = {"place": LOCAL, "role": "blog", "database": "blog", "release": release, "switch": 2 * release}
    record = {"id": "0001-a", "app": "blog", "revision": "a", "fingerprint": "f", "connections": [entry]}
    (folder / "releases/0001-a/release.json").write_text(json.dumps(record))
    if runs:
        (folder / ".run.json").write_text("{}")


@pytest.mark.parametrize(
    ("release", "runs", "connected", "said"),
    [
        (73, False, 2, ""),
        (74, False, 2, "+ 74 of blog + 3 reserved for superusers = 101"),
        (40, True, 2, "+ 80 of blog"),
        (2, False, 74, "+ 74 of blog"),
    ],
)
def test_another_app_of_the_host_counts_with_what_it_may_open(
    release: int, runs: bool, connected: int, said: str, shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbour(shop, release, runs)
    answer(monkeypatch, connected={("blog", "blog"): connected})
    if not said:
        assert shop.deploy().changed
        return
    with pytest.raises(ReleaseError, match=said.replace("+", r"\+")):
        shop.deploy()


def test_an_app_that_says_what_it_is_only_as_it_migrates_is_refused_before_it_starts(shop: FakeHost) -> None:
    over = {"served": [9, 40, "gthread"], "pools": [ENGINE]}
    shop.probes = [{"error": "OSError: x", "unwritable": ["the file x", "app.py:1"]}, over]
    with pytest.raises(ReleaseError, match="web 9 × 15") as refused:
        shop.deploy(writes_at_import=True)
    assert refused.value.stage == "migrate"
    assert not any(event.startswith("start ") for event in shop.events)


def test_unreadable_neighbours_are_nobody(shop: FakeHost) -> None:
    (shop.paths.root.parent / "broken").mkdir()
    Path(shop.paths.root.parent / "broken/current").symlink_to("releases/none")
    assert shop.deploy().changed


POOLED = {"pool_size": 20, "pool_clients": 30, "direct_url": "postgresql:///shop?host=/var/run/postgresql"}


@pytest.mark.parametrize(
    ("served", "most", "said"),
    [
        ([3, 4, "gthread"], 26, ""),
        ([3, 4, "gthread"], 25, "the pooler 1 × 20 (never two at once) + release commands 1 × 3 (never two at once)"),
        ([4, 4, "gthread"], 100, "may open 32 connections to its pooler: web 4 × 4 × 2 while two releases run; it accepts 30"),
    ],
)  # fmt: skip
def test_an_app_behind_a_pooler_costs_the_server_the_pool_and_the_pooler_the_processes(
    served: list[Any], most: int, said: str, shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, most=most)
    shop.probes = [{"served": served, "pools": [ENGINE]}]
    shop.configure(
        f'SECRET_KEY="{"k" * 40}"\nDATABASE_URL="postgresql+psycopg:///shop?host=/run/slipway-pgbouncer/shop"\n'
    )
    if not said:
        shop.deploy(database=POOLED)
        return
    with pytest.raises(ReleaseError) as refused:
        shop.deploy(database=POOLED)
    assert said in str(refused.value)


def test_release_commands_go_past_the_pooler_with_the_app_s_own_driver(
    shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure(
        f'SECRET_KEY="{"k" * 40}"\nDATABASE_URL="postgresql+psycopg2:///shop?host=/run/slipway-pgbouncer/shop"\n'
    )
    given: list[tuple[str, int]] = []

    def look(command: Command, argv: list[str]) -> subprocess.CompletedProcess[str]:
        given.extend((file.read_text(), file.stat().st_mode & 0o777) for file in command.more_files)
        return answer_of(command, argv)

    answer_of = shop.answer
    monkeypatch.setattr(shop, "answer", look)
    shop.deploy(database=POOLED, release_commands=[{"command": "flask seed"}])
    assert set(given) == {('DATABASE_URL="postgresql+psycopg2:///shop?host=/var/run/postgresql"\n', 0o600)}
    assert not list(shop.paths.settings.rglob("direct"))


@pytest.mark.parametrize(
    ("settings", "prepares", "refused"),
    [
        ("default_pool_size = 5\n", True, True),
        ("default_pool_size = 5\n", False, False),
        ("default_pool_size = 5\nmax_prepared_statements = 200\n", True, False),
        (None, True, False),
    ],
)
def test_a_driver_that_prepares_statements_is_refused_behind_a_pooler_that_does_not_keep_track_of_them(
    settings: str | None, prepares: bool, refused: bool, shop: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop.folder / "shop.ini"
    if settings:
        file.write_text(settings)
    monkeypatch.setattr(pgbouncer, "config", lambda name: str(file))
    shop.probes = [{"served": SERVED, "pools": [ENGINE], "prepares": prepares}]
    if not refused:
        shop.deploy(database=POOLED)
        return
    with pytest.raises(ReleaseError, match=r"'prepare_threshold': None") as told:
        shop.deploy(database=POOLED)
    assert told.value.stage == "check"
