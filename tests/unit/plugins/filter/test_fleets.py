# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Over which hosts an app is deployed as over one."""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.filter.fleets import release_fleets, release_rounds

SHOP = {"name": "shop", "domains": ["shop.example.org"], "stage": "production"}
BLOG = {"name": "blog", "domains": ["blog.example.org"], "stage": "production"}
GROUPS = {"web": ["web1", "web2", "test1"], "worker": ["jobs1"], "edge": ["edge1"]}
HOSTVARS = {
    "web1": {"slipway_apps": [SHOP, BLOG]},
    "web2": {"slipway_apps": [SHOP]},
    "test1": {"slipway_apps": [{**SHOP, "stage": "staging"}]},
    "jobs1": {"slipway_apps": [SHOP]},
    "edge1": {"slipway_apps": [SHOP], "ansible_host": "192.0.2.9"},
}


def test_hosts_with_the_same_app_are_a_fleet() -> None:
    assert release_fleets([SHOP, BLOG], GROUPS, HOSTVARS) == {
        "shop": {
            "members": ["web1", "web2", "jobs1"], "hosts": ["web1", "web2", "jobs1"], "without": [], "canary": "web1",
            "edges": ["192.0.2.9"],
        }
    }  # fmt: skip


def test_one_can_be_left_out_and_another_be_the_canary() -> None:
    found = release_fleets([SHOP], GROUPS, HOSTVARS, "web1, jobs1")["shop"]
    assert (found["hosts"], found["without"], found["canary"]) == (["web2"], ["web1", "jobs1"], "web2")
    assert release_fleets([SHOP], GROUPS, HOSTVARS, canary="web2")["shop"]["canary"] == "web2"


def test_the_items_of_a_fleet_are_the_same_on_all_hosts() -> None:
    releases = [{"name": "shop", "hosts": 3, "hooks": {"after_switch": "a.yml"}}, {"name": "blog", "hosts": 1}]
    assert release_rounds(releases, {"shop": {"hosts": ["a"]}}) == [
        {"name": "shop", "fleet": {"hosts": ["a"]}, "hooks": {"after_switch": "a.yml"}},
        {"name": "blog", "hosts": 1},
    ]


def test_the_hosts_that_a_release_is_promoted_from_are_no_part_of_it() -> None:
    assert release_fleets([SHOP], {"web": ["web1", "web2"]}, HOSTVARS, apart=["web2"]) == {}
