# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an inventory with edges makes of its apps: what is balanced, who has which site, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import normalise
from ansible_collections.slipway.flask.plugins.plugin_utils._edge import backends, plan, problems, sites
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd

SHOP: dict[str, Any] = {
    "name": "shop",
    "domains": ["shop.example.org"],
    "redirect_domains": ["www.shop.example.org"],
    "wsgi": "shop:app",
    "source": {"path": "."},
    "static": {"/static/": "static", "/docs/": {"folder": "docs", "fallback": "app"}},
    "access": [{"path": "/admin/", "allow": ["192.0.2.0/24"]}],
    "rate_limits": {"POST /login": "10/minute"},
    "certificate": "acme",
    "health_path": "/healthz",
}
BLOG: dict[str, Any] = {"name": "blog", "domains": ["blog.example.org"], "wsgi": "blog:app", "source": {"path": "."}}
GROUPS = {"web": ["web1", "web2"], "edge": ["edge1"]}


def hostvars(**apps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the variables of hosts 10.0.0.1, 10.0.0.2, …, each with its apps."""
    return {
        host: {"slipway_apps": found, "ansible_host": f"10.0.0.{number}"}
        for number, (host, found) in enumerate(apps.items(), 1)
    }


VARIABLES = hostvars(web1=[SHOP, BLOG], web2=[SHOP], edge1=[SHOP])
APPS = [normalise(SHOP), normalise(BLOG)]


def made(host: str) -> dict[str, dict[str, Any]]:
    found = sites.sites([systemd.site(app) for app in APPS], APPS, host, GROUPS, VARIABLES)
    return {site["name"]: site for site in found}


def test_an_edge_balances_its_apps_over_the_hosts_that_have_them() -> None:
    (entry,) = backends.backends(APPS, "edge1", GROUPS, VARIABLES)
    assert entry["name"] == "shop"
    assert entry["hosts"] == [
        {"name": "web1", "address": "10.0.0.1", "certificate": "web1.slipway.internal"},
        {"name": "web2", "address": "10.0.0.2", "certificate": "web2.slipway.internal"},
    ]
    assert entry["check"] == {"path": "/healthz", "host": "shop.example.org", "status": [200]}
    assert entry["static"] == ["/static/"]
    assert backends.backends(APPS, "web1", GROUPS, VARIABLES) == []


def test_what_concerns_visitors_is_done_on_the_edge() -> None:
    site, described = made("edge1")["shop"], systemd.site(APPS[0])
    assert (site["upstream"], site["upstream_retry"]) == ("unix:/run/slipway-edge/shop.sock", True)
    same = ("certificate", "access", "rate_limits", "domains", "redirect_domains", "headers", "body_size_mb")
    assert {key: site[key] for key in same} == {key: described[key] for key in same}
    assert "static" not in site


def test_a_host_behind_an_edge_knows_only_edges() -> None:
    site = made("web1")["shop"]
    assert site["edges"] == ["10.0.0.3"]
    assert site["certificate"] == "self_signed"
    assert (site["redirect_domains"], site["rate_limits"]) == ([], {})
    assert "access" not in site
    assert site["static"] == systemd.site(APPS[0])["static"]


def test_an_app_without_an_edge_is_left_as_it_is() -> None:
    assert made("web1")["blog"] == systemd.site(APPS[1])


def test_without_the_group_nothing_changes() -> None:
    described = [systemd.site(app) for app in APPS]
    assert sites.sites(described, APPS, "web1", {"web": ["web1"]}, VARIABLES) == described


def test_an_edge_is_no_web_host_of_the_same_app() -> None:
    groups = {"web": ["web1", "edge1"], "edge": ["edge1"]}
    (text,) = problems.of_app(APPS[0], "edge1", groups, VARIABLES)
    assert "edge1 is both its edge and one of its web hosts" in text
    assert list(problems.of_app(APPS[0], "web1", groups, VARIABLES)) == []


@pytest.mark.parametrize("more", [{}, {"nginx_tls_acme_challenge": "dns-01"}])
def test_several_edges_need_certificates_that_do_not_depend_on_who_is_asked(more: dict[str, Any]) -> None:
    variables = hostvars(web1=[SHOP], edge1=[SHOP], edge2=[SHOP])
    variables["edge1"].update(more)
    found = list(problems.of_app(APPS[0], "edge1", {"web": ["web1"], "edge": ["edge1", "edge2"]}, variables))
    assert ["dns-01" in text for text in found] == ([] if more else [True])


def test_a_request_that_nginx_lets_through_fits_into_haproxys_buffer() -> None:
    entries = backends.backends([normalise({**SHOP, "header_kb": 32})], "edge1", GROUPS, VARIABLES)
    assert plan.plan(entries)["buffer_bytes"] > 4 * 32 * 1024
    assert plan.plan(entries)["variables"] == ["SLIPWAY_HOST_web1", "SLIPWAY_HOST_web2"]
