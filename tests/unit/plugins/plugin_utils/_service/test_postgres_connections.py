# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's database: how many connections its description comes to, and its pooler."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import documents
from app_descriptions import shop


@pytest.mark.parametrize(
    ("changes", "connections"),
    [
        ({"workers": 3, "threads": 4}, 24),
        ({"threads": 4}, 40),
        ({"workers": 3, "threads": 4, "handover": "stop_first"}, 12),
        ({"workers": 3, "worker_class": "sync"}, 6),
        ({"workers": 2, "worker_class": "gevent"}, 60),
        ({"workers": 1, "threads": 1, "processes": {"worker": {"command": "celery -A shop worker -c 4", "instances": 2}}}, 18),
        ({"workers": 1, "threads": 1, "processes": {"worker": {"command": "celery -A shop worker"}}}, 6),
        ({"workers": 1, "threads": 1, "processes": {"beat": {"command": "celery -A shop beat", "handover": "stop_first"}}}, 3),
        ({"workers": 1, "threads": 1, "processes": {"night": {"command": "flask night", "schedule": "*-*-* 03:00"}}}, 4),
        ({"workers": 3, "threads": 40, "database_pool": "pgbouncer", "database_pool_size": 10}, 13),
        ({"database": "url", "database_url": "postgresql://u:p@db/x"}, 0),
        ({"database": "none"}, 0),
    ],
)  # fmt: skip
def test_an_app_s_description_says_how_many_connections_it_may_open(changes: dict[str, Any], connections: int) -> None:
    app = shop(**changes)
    assert description.problems([app]) == []
    assert postgres.connections_of(description.normalise(app), cores=2) == connections


def test_an_app_with_a_pooler_goes_through_it_and_its_release_commands_past_it() -> None:
    app = description.normalise(shop(database_pool="pgbouncer", database_pool_size=7))
    compiled = documents.compile(app)
    assert compiled["pgbouncer_pools"]() == {"name": "shop", "size": 7, "clients": 500}
    assert postgres.url(app) == "postgresql:///shop?host=/run/slipway-pgbouncer/shop".replace(
        "postgresql", driver_of(app)
    )
    direct = postgres.url(app).replace("/run/slipway-pgbouncer/shop", "/var/run/postgresql")
    asked = compiled["app_release_releases"]()
    assert isinstance(asked, dict)
    assert asked["database"]["direct_url"] == direct
    assert asked["migrations"]["owner_url"] == direct
    assert "slipway-pgbouncer-shop.service" in postgres.Postgres().after_units(app)


def driver_of(app: dict[str, Any]) -> str:
    return postgres.url(app).partition("://")[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"database_pool": "pgbouncer", "database": "url", "database_url": "postgresql://u:p@db/x"},
         "'database_pool' is 'pgbouncer' but 'database' is 'url'"),
        ({"database_pool_size": 5}, "'database_pool_size' is given but 'database_pool' is 'none'"),
        ({"database_pool": "odyssey"}, "'database_pool' is 'odyssey'"),
        ({"database_pool": "pgbouncer", "database_pool_size": 0}, "'database_pool_size'"),
    ],
)  # fmt: skip
def test_a_pooler_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in "; ".join(description.problems([shop(**changes)]))
