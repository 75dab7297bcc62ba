# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The filters over apps, as a template calls them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.filter.apps import FilterModule

FILTERS = FilterModule().filters()
APP: dict[str, Any] = {
    "static": {"/static/": "static"},
    "name": "shop",
    "domains": ["shop.example.com"],
    "source": {"path": "../shop"},
    "wsgi": "shop:app",
    "secrets": {"SECRET_KEY": "7c1d6f0be2a94385b1e9c07f5ad2386e"},
}


def test_every_filter_takes_what_normalise_apps_returns() -> None:
    apps = FILTERS["normalise_apps"]([APP])
    assert FILTERS["app_packages"](apps) == ["acl"]
    assert set(FILTERS["app_secrets"](apps[0])) == {"SECRET_KEY", "DATABASE_URL"}
    assert FILTERS["apps_on_host"](apps, "vps1", ["vps1"], {"vps1": {"slipway_apps": apps}}) == [
        {**apps[0], "hosts": 1, "serves": True, "runs": True}
    ]
    assert FILTERS["app_connections"](apps, "2") == 40
    assert FILTERS["app_connections"](apps, "2", "mariadb") == 0
    assert FILTERS["app_connections"]([{**apps[0], "database": "mariadb"}], "2", "mariadb") == 40
    (site,) = FILTERS["app_documents"](apps, "nginx_tls_sites", ["shop"])
    assert (site["name"], site["waiting"]) == ("shop", True)
    asked = FILTERS["sites_to_ask"](["vps1", "vps2"], "vps2", {"vps1": {"slipway_apps": [APP]}, "vps2": {}})
    assert [(one["domain"], one["on"]) for one in asked] == [("shop.example.com", "vps1")]
    groups = {"web": ["vps1", "vps2"], "edge": ["edge1"]}
    variables = {host: {"slipway_apps": [APP], "ansible_host": host} for host in ("vps1", "vps2", "edge1")}
    asked_there = FILTERS["sites_to_ask"](["vps1", "vps2", "edge1"], "vps2", variables, groups)
    assert [(one["on"], one.get("address")) for one in asked_there] == [("vps2", "127.0.0.1"), ("edge1", "edge1")]
    assert FILTERS["hosts_to_watch"](asked, ["vps1", "vps2"], "vps2") == ["vps1"]
    preview = {"domain": "*.preview.example.org", "access": []}
    listed = [{**APP, "source": {"git": "https://git.example.com/shop.git"}, "preview": preview}]
    assert FILTERS["preview_app"](listed, "shop", "feature/x")["name"] == "shop-feature-x-68eb5bbd"
    with pytest.raises(AnsibleFilterError, match="must be the name of a branch"):
        FILTERS["preview_app"](listed, "shop", "-x")
    tried = {"normalise_apps", "preview_app", "app_packages", "app_secrets", "app_documents", "apps_on_host", "app_connections",
             "sites_to_ask", "hosts_to_watch"}  # fmt: skip
    for name in set(FILTERS) - tried:
        assert FILTERS[name](apps[0]), name


def test_a_wrong_description_stops_a_role_that_is_used_alone() -> None:
    with pytest.raises(AnsibleFilterError, match=r"unknown key 'workes' \(did you mean 'workers'\?\).*no colon"):
        FILTERS["normalise_apps"]([{**APP, "workes": 3, "wsgi": "shop"}])
