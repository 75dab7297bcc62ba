# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What hosts are told of each other: who may connect to whom, whom they trust, and how they get to a database."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._access import firewall
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import access, database, trust

SHOP = {"name": "shop", "domains": ["shop.example"], "database": "local"}
BLOG = {"name": "blog", "domains": ["blog.example"], "database": "none"}
GROUPS = {"web": ["web1", "web2"], "worker": ["worker1"], "edge": ["edge1"], "db": ["db1", "db2"]}
ADDRESSES = {
    name: f"10.0.0.{number}" for number, name in enumerate((*GROUPS["web"], "worker1", "edge1", "db1", "db2"), 1)
}
HOSTS: dict[str, Any] = {
    name: {"slipway_private_address": address, "slipway_apps": [SHOP]} for name, address in ADDRESSES.items()
}
HOSTS["db2"]["slipway_database"] = {"standby_of": "db1"}


def test_a_database_lets_in_the_hosts_that_run_the_app_and_its_standbys() -> None:
    assert access.clients([SHOP, BLOG], "db1", GROUPS, HOSTS) == [
        {"database": "shop", "user": "shop", "addresses": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]}
    ]
    assert access.allowed("db1", GROUPS, HOSTS) == [
        {"port": 5432, "protocol": "tcp", "from": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.6"]}
    ]
    assert access.clients([SHOP], "db2", GROUPS, HOSTS) == access.clients([SHOP], "db1", GROUPS, HOSTS)


@pytest.mark.parametrize("host", ["web1", "edge1", "worker1"])
def test_nobody_gets_into_a_database_elsewhere(host: str) -> None:
    assert access.clients([SHOP], host, GROUPS, HOSTS) == []
    assert access.allowed(host, GROUPS, HOSTS) == []


def test_a_database_is_served_where_it_is() -> None:
    assert access.served([SHOP, BLOG], "db1", GROUPS, HOSTS) == [SHOP]
    assert access.served([SHOP], "edge1", GROUPS, HOSTS) == []
    assert access.served([database.placed(SHOP, "web1", GROUPS, HOSTS)], "web1", GROUPS, HOSTS) == []
    assert access.served([SHOP], "web1", {"web": ["web1", "web2"]}, HOSTS) == [SHOP]


def test_only_the_edges_come_to_a_site_behind_them() -> None:
    assert access.web_from("web1", GROUPS, HOSTS) == ["10.0.0.4"]
    assert access.web_from("edge1", GROUPS, HOSTS) == []
    assert access.web_from("web1", {"web": ["web1"]}, HOSTS) == []
    two = {**HOSTS, "web1": {**HOSTS["web1"], "slipway_apps": [SHOP, BLOG]}}
    assert access.web_from("web1", GROUPS, two) == [], "the blog's visitors come to the host itself"


@pytest.mark.parametrize(
    ("variables", "ports", "allow"),
    [
        ({}, [80, 443], []),
        ({"web": False}, [], []),
        ({"web_from": ["10.0.0.4"]}, [], [("80", ["10.0.0.4"]), ("443", ["10.0.0.4"])]),
        ({"web": False, "web_from": ["10.0.0.4"]}, [], []),
    ],
)
def test_the_firewall_opens_the_ports_of_http_to_whom_they_are_for(
    variables: dict[str, Any], ports: list[int], allow: list[Any]
) -> None:
    found = firewall.document({"http3": True, **variables})
    assert found["ports"] == ports
    assert [(one["ports"], one["from"]) for one in found["allow"]] == allow
    assert found["http3"] is bool(ports)


def test_everybody_is_no_address_of_an_edge() -> None:
    assert "that is everybody" in " ".join(firewall.problems({"web_from": ["0.0.0.0/0"]}))


def test_a_passfile_has_one_line_which_is_for_that_server_alone() -> None:
    placed = database.placed(SHOP, "web1", GROUPS, HOSTS)
    looked = {"results": [{"item": "db1", "passwords": {"shop": "s3cret"}}]}
    assert access.password_files([placed, BLOG], looked, HOSTS) == [
        {
            "dest": "/etc/slipway/passwords/shop.pgpass",
            "content": "10.0.0.5:5432:shop:shop:s3cret\n",
            "owner": "shop",
            "group": "shop",
            "mode": "0400",
        }
    ]
    assert access.password_line("shop", "fd00::5", "x") == "fd00\\:\\:5:5432:shop:shop:x\n"
    assert access.password_files([placed], {"results": []}, HOSTS) == [], "in check mode there may be none yet"


def told(*pems: str) -> dict[str, Any]:
    return {"host_identity_result": {"authorities": list(pems)}}


def test_authorities_come_from_the_run_or_from_a_look_at_hosts_that_it_leaves_alone() -> None:
    variables = {"web1": told("W"), "db1": told("D", "next D"), "edge1": {}}
    variables["web1"]["slipway_authorities"] = {"results": [{"item": "edge1", "authorities": ["E"]}]}
    assert trust.authorities(["web1", "db1", "edge1"], "web1", variables) == ["W", "D", "next D", "E"]


@pytest.mark.parametrize("result", [{}, {"host_identity_result": {"failed": True}}, told()])
def test_a_host_that_could_not_be_asked_is_named(result: dict[str, Any]) -> None:
    with pytest.raises(trust.TrustError, match="web1 must know the certificate authority of db1"):
        trust.authorities(["db1"], "web1", {"web1": told("W"), "db1": result})


def test_what_a_certificate_cannot_be_for_is_refused() -> None:
    right = {"name": "web1.slipway.internal", "addresses": ["10.0.0.3", "fd00::3"], "users": ["nginx"]}
    assert trust.problems(right) == []
    assert len(trust.problems({"name": "Web 1", "addresses": ["web1"], "users": ["apache"]})) == 3


def variables_of(*play: str) -> dict[str, Any]:
    return {"groups": GROUPS, "hostvars": HOSTS, "ansible_play_hosts_all": list(play)}


def placed(host: str) -> list[dict[str, Any]]:
    return [database.placed(app, host, GROUPS, HOSTS) for app in (SHOP, BLOG)]


def test_a_database_is_asked_about_on_its_host_and_nowhere_else() -> None:
    every = variables_of(*ADDRESSES)
    assert access.asked_here(placed("db1"), "db1", every) == ([SHOP], [])
    assert access.asked_here(placed("db2"), "db2", every) == ([], []), "the primary is asked"
    assert access.asked_here(placed("web1"), "web1", every) == ([BLOG], [])
    here, left = access.asked_here(placed("web1"), "web1", variables_of("web1"))
    assert (here, [app["name"] for app in left]) == ([BLOG], ["shop"]), "who leaves the host out is told"
    alone = {**every, "groups": {"web": ["web1"]}}
    assert access.asked_here([SHOP, BLOG], "web1", alone) == ([SHOP, BLOG], [])


def test_a_server_is_shared_with_the_hosts_of_the_apps_and_with_the_other_servers() -> None:
    every = variables_of(*ADDRESSES)
    assert access.sharing(placed("db1"), "db1", every) == ["web1", "web2", "worker1", "db2"]
    assert access.sharing(placed("db2"), "db2", every) == ["web1", "web2", "worker1", "db1"]
    assert access.sharing(placed("web1"), "web1", every) == []
    both = {"groups": {"web": ["web1"], "db": ["web1"]}, "hostvars": HOSTS}
    assert access.sharing([SHOP], "web1", both) == []


def test_a_database_without_its_app_has_the_system_user_that_a_removal_knows() -> None:
    assert access.users([{"name": "shop"}]) == [{"name": "shop", "comment": "Runs shop"}]
    assert access.users([]) == []


@pytest.mark.parametrize(
    ("databases", "remote", "more", "refused"),
    [
        ([], {"shop": "10.0.0.9"}, {}, True),
        ([], {"shop": "10.0.0.9"}, {"moved": "blog"}, True),
        ([], {"shop": "10.0.0.9"}, {"moved": "shop"}, False),
        ([], {"shop": "10.0.0.9"}, {"restored": True}, False),
        (["shop"], {"shop": "10.0.0.9"}, {}, False),  # promoted, or at a new address
        ([], {"shop": "10.0.0.5"}, {}, False),
        ([], {"blog": "10.0.0.9"}, {}, False),
        ([], {}, {}, False),
    ],
)
def test_an_empty_database_host_does_not_take_the_place_of_the_one_with_the_data(
    databases: list[str], remote: dict[str, str], more: dict[str, Any], refused: bool
) -> None:
    seen = {
        "db1": {"slipway_preflight": {"databases": databases}},
        "db2": {"slipway_preflight": {"databases": []}},
        "web2": {"slipway_preflight": {"remote": remote}},
    }
    found = {name: {**HOSTS[name], **seen.get(name, {})} for name in HOSTS}
    said = database.left([SHOP, BLOG], "db1", GROUPS, found, **more)
    assert bool(said) is refused
    if refused:
        assert said.startswith("app 'shop': its data is in the database at 10.0.0.9, which web2 uses; db1, which")
        assert "-e moved=shop" in said
    assert database.left([SHOP], "db2", GROUPS, found) == ""  # a new standby is empty, and gets a copy
