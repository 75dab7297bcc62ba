# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which hosts of an inventory belong together, who talks to whom, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps, database, hosts, problems

SHOP = {"name": "shop", "domains": ["shop.example", "www.shop.example"], "database": "local"}
STAGING = {**SHOP, "domains": ["staging.shop.example"], "stage": "staging"}
BLOG = {"name": "blog", "domains": ["blog.example"], "database": "none"}


def inventory(*entries: tuple[str, list[str], list[dict[str, Any]]], **more: dict[str, Any]) -> tuple[Any, Any]:
    """Return groups and hostvars: each entry is a host, its groups and its apps; MORE are further variables of a host."""
    groups: dict[str, list[str]] = {}
    variables: dict[str, dict[str, Any]] = {}
    for number, (host, roles, of_host) in enumerate(entries, 1):
        for role in roles:
            groups.setdefault(role, []).append(host)
        variables[host] = {"ansible_host": f"10.0.0.{number}", "slipway_apps": of_host, **more.get(host, {})}
    return groups, variables


WHOLE = inventory(
    ("web1", ["web"], [SHOP, BLOG]),
    ("web2", ["web"], [SHOP]),
    ("staging", ["web"], [STAGING]),
    ("worker1", ["worker"], [SHOP]),
    ("edge1", ["edge"], [SHOP, BLOG]),
    ("db1", ["db"], [SHOP]),
    ("db2", ["db"], [SHOP]),
    db2={"slipway_database": {"standby_of": "db1"}},
)


def test_the_defaults_are_those_of_the_keys() -> None:
    assert {name: KEYS[name].default for name in apps.DEFAULTS} == apps.DEFAULTS


def test_a_fleet_is_who_has_the_app_under_the_same_name_domain_and_stage() -> None:
    assert apps.members(SHOP, *WHOLE) == ["web1", "web2", "worker1"]
    assert apps.web_hosts_of(SHOP, *WHOLE) == ["web1", "web2"]
    assert apps.members(STAGING, *WHOLE) == ["staging"]
    assert apps.edges_of(SHOP, *WHOLE) == ["edge1"]
    assert apps.edges_of(STAGING, *WHOLE) == []


def test_the_primary_is_the_database_host_and_comes_before_its_standbys() -> None:
    assert apps.database_hosts_of(SHOP, *WHOLE) == ["db1", "db2"]
    assert apps.database_host_of(SHOP, *WHOLE) == "db1"
    assert apps.database_host_of(STAGING, *WHOLE) == ""
    assert apps.database_host_of(BLOG, *WHOLE) == ""
    assert apps.database_host_of({**SHOP, "database": "url"}, *WHOLE) == ""


@pytest.mark.parametrize(
    ("host", "linked"),
    [
        ("web1", ["edge1", "db1", "db2"]),
        ("web2", ["edge1", "db1", "db2"]),
        ("worker1", ["db1", "db2"]),
        ("edge1", ["web1", "web2"]),
        ("db1", ["web1", "web2", "worker1", "db2"]),
        ("staging", []),
    ],
)
def test_only_hosts_that_talk_to_each_other_are_linked(host: str, linked: list[str]) -> None:
    assert apps.links(host, *WHOLE) == linked


def test_hosts_of_web_alone_are_as_before() -> None:
    alone = inventory(("web1", ["web"], [SHOP]), ("web2", ["web"], [SHOP]), web2={"ansible_host": "web2.example.com"})
    assert [apps.links(host, *alone) for host in ("web1", "web2")] == [[], []]
    assert problems.problems(*alone) == []
    app = {**SHOP, "database_extensions": ["pg_trgm"]}
    assert database.placed(app, "web1", *alone) == app


def test_a_host_that_is_all_in_one_has_its_database_on_its_socket() -> None:
    one = inventory(("vps", ["web", "db"], [SHOP]))
    assert apps.links("vps", *one) == []
    assert problems.problems(*one) == []
    assert database.placed(SHOP, "vps", *one) == SHOP


def test_the_others_reach_the_database_by_an_address_that_its_certificate_must_have() -> None:
    app = database.placed({**SHOP, "database_extensions": ["pg_trgm"]}, "web1", *WHOLE)
    assert app["database"] == "url"
    assert app["database_url"] == (
        "postgresql://shop@10.0.0.6:5432/shop?sslmode=verify-full&sslrootcert=/etc/slipway/identity/fleet.pem"
        "&passfile=/etc/slipway/passwords/shop.pgpass"
    )
    assert postgres.problems([{"name": "shop", "url": app["database_url"], "user": "shop"}]) == []
    assert database.url("shop", "fd00::5").startswith("postgresql://shop@[fd00::5]:5432/shop?")


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"slipway_private_address": "10.1.0.5", "ansible_host": "203.0.113.5"}, "10.1.0.5"),
        ({"ansible_host": "203.0.113.5"}, "203.0.113.5"),
        ({"slipway_private_address": "FD00::0:5"}, "fd00::5"),
        ({}, ""),
        ({"ansible_host": "vps.example.com"}, ""),
        ({"slipway_private_address": "db.internal", "ansible_host": "203.0.113.5"}, ""),
        ({"slipway_private_address": "127.0.0.1"}, ""),
        ({"slipway_private_address": "0.0.0.0"}, ""),
    ],
)
def test_the_address_is_the_private_one_else_that_of_the_inventory(variables: dict[str, Any], found: str) -> None:
    assert hosts.address("vps1", {"vps1": variables}) == found


def test_a_name_in_the_inventory_may_be_an_address() -> None:
    assert hosts.address("192.0.2.7", {"192.0.2.7": {}}) == "192.0.2.7"


@pytest.mark.parametrize(
    ("entries", "more", "words"),
    [
        ([("w", ["web"], [SHOP]), ("d", ["db"], [])], {}, "d: it is in the group 'db' but has no slipway_apps"),
        ([("w", ["web"], [BLOG]), ("d", ["db"], [BLOG])], {}, "none of its apps has `database: local`"),
        ([("w", ["web"], [SHOP]), ("e", ["edge"], [STAGING])], {}, "no host of 'web' has one of its apps"),
        (
            [("w", ["web"], [SHOP]), ("d", ["db"], [SHOP])],
            {"d": {"ansible_host": "db.example.com"}},
            "d: the other hosts need an IP address to reach it, and 'ansible_host' is 'db.example.com'; set slipway_private_address",  # noqa: E501
        ),
        (
            [("w", ["web"], [SHOP]), ("d", ["db"], [SHOP])],
            {"w": {"slipway_private_address": "web"}},
            "w: slipway_private_address is 'web'; it must be an IP address",
        ),
        (
            [("w", ["web"], [SHOP]), ("d", ["db"], [SHOP])],
            {"w": {"slipway_private_address": "10.0.0.2"}},
            "d and w: both have the address 10.0.0.2",
        ),
        (
            [("w", ["web"], [SHOP]), ("d1", ["db"], [SHOP]), ("d2", ["db"], [SHOP])],
            {},
            "both d1 and d2 would be its database; make one the standby",
        ),
        (
            [("w", ["web"], [SHOP]), ("d", ["db"], [SHOP])],
            {"d": {"slipway_database": {"standby_of": "w"}}},
            "it must be another host of the group 'db'",
        ),
        (
            [("w", ["web"], [SHOP]), ("s", ["web"], [STAGING]), ("d", ["db"], [SHOP, STAGING])],
            {},
            "d would have one database for two sites, shop.example (production) and staging.shop.example (staging)",
        ),
        (
            [("w", ["web"], [{**SHOP, "database_pool": "pgbouncer"}]), ("d", ["db"], [SHOP])],
            {},
            "'database_pool' is 'pgbouncer', which runs beside the database, but w would reach it on d over the network",
        ),
        (
            [("w", ["web"], [{**SHOP, "database_scheme": "postgresql+asyncpg"}]), ("d", ["db"], [SHOP])],
            {},
            "'database_scheme' is 'postgresql+asyncpg'",
        ),
        ([("w eb", ["web"], [SHOP]), ("d", ["db"], [SHOP])], {}, "must consist of letters, digits"),
        (
            [("w1", ["web"], [{**BLOG, "deployers": ["ann"]}]), ("w2", ["web"], [{**BLOG, "deployers": ["ann"]}])],
            {},
            "'deployers' is ['ann'], who would deploy to one host alone, but w1, w2 deploy the app together",
        ),
    ],
)
def test_what_is_refused(entries: list[Any], more: dict[str, Any], words: str) -> None:
    assert any(words in text for text in problems.problems(*inventory(*entries, **more)))


def test_an_inventory_of_all_kinds_of_hosts_is_right() -> None:
    assert problems.problems(*WHOLE) == []


@pytest.mark.parametrize("apps_of_host", [None, "shop", [None, 3], [{"name": 1, "domains": "x"}]])
def test_descriptions_that_are_none_are_left_to_their_own_check(apps_of_host: Any) -> None:
    found = inventory(("w", ["web"], apps_of_host), ("w2", ["web"], [SHOP]))
    assert problems.problems(*found) == []
    assert apps.links("w", *found) == []
