# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The connection budget: what an app may open is reckoned, and held against what its server takes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database.budget import (
    Beside,
    Budget,
    Need,
    Pool,
    shortage,
    ways,
)
from ansible_collections.slipway.flask.plugins.module_utils._database.capacity import Server

WEB, WORKER = Need("web", 3, 4), Need("worker", 2, 1)
BEAT = Need("beat", 1, 1, twice=False)
QUEUE = Pool(15)


@pytest.mark.parametrize(
    ("needs", "pools", "hosts", "release", "switch", "said"),
    [
        ([WEB], [QUEUE], 1, 12, 24, "web 3 × 4 × 2 while two releases run"),
        ([WEB], [Pool(2)], 1, 6, 12, "web 3 × 2 × 2 while two releases run"),
        ([WEB], [Pool()], 1, 12, 24, "web 3 × 4 × 2 while two releases run"),
        ([WEB], [QUEUE, Pool(1)], 1, 15, 30, "web 3 × 5 × 2 while two releases run"),
        ([WEB], [Pool(20, least=10)], 1, 30, 60, "web 3 × 10 × 2 while two releases run"),
        ([WEB], [], 1, 0, 0, "0"),
        ([WEB, WORKER], [QUEUE], 1, 14, 28, "(web 3 × 4 + worker 2) × 2 while two releases run"),
        ([WEB, BEAT], [QUEUE], 1, 13, 25, "web 3 × 4 × 2 while two releases run + beat 1 (never two at once)"),
        ([WEB], [QUEUE], 3, 12, 72, "web 3 × 4 × 2 while two releases run × 3 hosts"),
        ([WEB, BEAT], [QUEUE], 2, 13, 50,
         "(web 3 × 4 × 2 while two releases run + beat 1 (never two at once)) × 2 hosts"),
        ([Need("web", 1, 40)], [QUEUE], 1, 15, 30, "web 1 × 15 × 2 while two releases run"),
        ([Need("web", 1, 40, twice=False)], [Pool()], 1, 40, 40, "web 1 × 40 (never two at once)"),
    ],
)  # fmt: skip
def test_a_budget_is_processes_by_what_each_may_hold_by_two_releases_by_hosts(
    needs: list[Need], pools: list[Pool], hosts: int, release: int, switch: int, said: str
) -> None:
    found = Budget(needs, pools, hosts)
    assert (found.release, found.switch, found.said) == (release, switch, said)


ROLE = {"role": "shop", "database": "shop"}


@pytest.mark.parametrize(
    ("server", "beside", "given", "said"),
    [
        ({"most": 100, "kept": 3}, Beside({}), 0, ""),
        ({"most": 27, "kept": 3}, Beside({}), 0, ""),
        ({"most": 26, "kept": 3}, Beside({}), 0, "+ 3 reserved for superusers = 27; the server accepts 26 (max_connections)"),
        ({"most": 100, "kept": 3}, Beside({"blog": 70}, 4), 0,
         "+ 70 of blog + 4 that others have open + 3 reserved for superusers = 101; the server accepts 100 (max_connections)"),
        ({"most": 100, "kept": 3}, Beside({"blog": 70}, 3), 0, ""),
        ({"most": 100, "role_limit": 20}, Beside({}), 0,
         "its role shop may have 20 (ALTER ROLE … CONNECTION LIMIT)"),
        ({"most": 100, "role_limit": 24}, Beside({}), 0, ""),
        ({"most": 100, "role_limit": 24, "connected": {("shop", "other"): 1, ("shop", "shop"): 9}}, Beside({}), 0,
         "+ 1 of its role that others have open; its role shop may have 24"),
        ({"most": 100, "role_limit": 0}, Beside({}), 0, "its role shop may have 0"),
        ({"most": 100, "database_limit": 24, "connected": {("admin", "shop"): 2, ("blog", "blog"): 9}}, Beside({}), 0,
         "+ 2 that others have open in it; its database shop may have 24 (ALTER DATABASE … CONNECTION LIMIT)"),
        ({"most": 100, "database_limit": 26, "connected": {("admin", "shop"): 2}}, Beside({}), 0, ""),
        ({"most": 500}, Beside({}), 20, "`database_connections` allows 20"),
        ({"most": 500}, Beside({}), 24, ""),
    ],
)  # fmt: skip
def test_what_a_server_does_not_take_is_told_with_the_arithmetic_in_one_line(
    server: dict[str, Any], beside: Beside, given: int, said: str
) -> None:
    found = shortage(Budget([WEB], [QUEUE]), Server("/run/postgresql:5432", **{**ROLE, **server}), beside, given)
    assert "\n" not in found
    assert bool(found) is bool(said)
    if said:
        assert found.startswith("the app may open 24 database connections: web 3 × 4 × 2 while two releases run")
        assert said in found


@pytest.mark.parametrize(
    ("local", "pools", "words"),
    [
        (True, [QUEUE], ["`threads`", "pool_size + max_overflow, 15 now", "`postgres_server_max_connections: 110`",
                         "`database_pool: pgbouncer`"]),
        (True, [Pool()], ["it has no limit now"]),
        (False, [QUEUE], ["more connections there (max_connections, a larger plan of the provider)"]),
    ],
)  # fmt: skip
def test_a_refusal_names_the_ways_on(local: bool, pools: list[Pool], words: list[str]) -> None:
    told = ways(Budget([WEB], pools), Server("/run/postgresql:5432", 100), local, over=4)
    assert [word for word in words if word not in told] == []
    assert ("postgres_server_max_connections" in told) is local
