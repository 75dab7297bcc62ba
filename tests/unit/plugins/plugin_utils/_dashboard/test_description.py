# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with slipway_dashboard is told in a sentence without a password, and what is right becomes a closed site."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import description
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import servers
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import access
from nginx_sites import DEFAULTS

SECRET = "correct horse battery"
APPS = [{"name": "shop", "domains": ["Shop.example.org"], "redirect_domains": ["www.shop.example.org"]}]


def settings(**changes: Any) -> dict[str, Any]:
    return {"domain": "stats.example.org", "users": {"ann": SECRET}, **changes}


def test_nothing_is_wrong_with_a_domain_and_a_user() -> None:
    assert description.problems(settings(), "local", APPS) == []
    assert description.problems(settings(users={"ann": "$6$abc$" + "x" * 86}), "local", APPS) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"domain": "https://stats.example.org"}, "it must be a host name such as stats.example.org"),
        ({"domain": "stats"}, "it must be a host name"),
        ({"domain": "*.example.org"}, "it must be a host name"),
        ({"domain": "192.0.2.7"}, "it must be a host name"),
        (
            {"domain": "SHOP.example.org"},
            "'shop.example.org', which is the app 'shop'; give the page a host name of its own",
        ),
        ({"domain": "www.shop.example.org"}, "which is the app 'shop'"),
        ({"user": {}}, "unknown key 'user' (did you mean 'users'?)"),
        ({"users": {}}, "'users' is empty; give at least one name with a password"),
        ({"users": {"a:b": SECRET}}, "must be 1 to 64 characters without ':'"),
        ({"users": {"ann": "short-one"}}, "must be one line of 12 characters or more: make one with `python3"),
        ({"users": {"ann": "two\nlines and more"}}, "must be one line of 12 characters"),
        ({"users": {"ann": 123456789012}}, "must be text; put it in quotes"),
        ({"users": {"ann": "$2y$12$" + "x" * 53}}, "make one with `openssl passwd -6`"),
        ({"users": [SECRET]}, "'users' must be"),
        ({"allow": ["192.0.2.0/33"]}, "allow has '192.0.2.0/33'"),
        ({"certificate": "letsencrypt"}, "it must be one of self_signed, provided, acme"),
        ({"certificate": "provided"}, "needs 'certificate_file' and 'certificate_key_file'"),
        ({"certificate_file": "/a.pem"}, "are used only with 'certificate: provided'"),
    ],
)
def test_each_fault_is_told_without_a_password(changes: dict[str, Any], sentence: str) -> None:
    found = description.problems(settings(**changes), "local", APPS)
    assert len(found) == 1
    assert found[0].startswith("slipway_dashboard: ") and sentence in found[0]
    for secret in (SECRET, "short-one", "123456789012", "$2y$12$"):
        assert secret not in found[0]


@pytest.mark.parametrize("mode", ["none", "scrape"])
def test_a_page_without_a_store_is_refused(mode: str) -> None:
    assert description.problems(settings(), mode) == [
        f"slipway_dashboard: the page shows what the host keeps, and slipway_metrics is '{mode}'; set slipway_metrics: local"
    ]


def test_anything_but_a_mapping_is_refused() -> None:
    assert description.problems("yes") == ["slipway_dashboard must be a mapping with 'domain' and 'users', not text"]
    found = description.problems({})
    assert [text.partition("is missing")[0] for text in found] == [
        "slipway_dashboard: 'domain' ", "slipway_dashboard: 'users' "
    ]  # fmt: skip


def test_the_site_asks_everybody_for_a_password_everywhere() -> None:
    site = description.site(settings(domain="Stats.example.org"))
    assert (site["domains"], site["upstream"], site["certificate"]) == (["stats.example.org"], "none", "self_signed")
    [rule] = site["access"]
    assert rule["path"] == "/" and access.HASH.fullmatch(rule["basic_auth"]["ann"])
    assert SECRET not in str(site)
    assert site == description.site(settings(domain="stats.example.org")), "a second run changes nothing"


def test_a_hash_stays_as_it_is() -> None:
    kept = "$6$abc$" + "x" * 86
    assert description.site(settings(users={"ann": kept}))["access"][0]["basic_auth"] == {"ann": kept}


def test_nothing_inline_runs_and_nothing_leaves_the_host() -> None:
    policy = description.site(settings())["headers"]["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_only_the_two_questions_of_the_page_are_passed_on() -> None:
    config = description.site(settings())["extra_config"]
    assert [line for line in config.splitlines() if line.startswith("location")] == [
        "location = / {",
        "location ~ ^/api/v1/query(_range)?$ {",
    ]
    assert config.count("proxy_pass http://127.0.0.1:9090;") == 1
    assert "proxy_hide_header WWW-Authenticate;" in config


def test_a_persons_password_goes_no_further_than_nginx() -> None:
    """The file with the store's own, which takes its place, may not be there yet; who listens there then may be anybody."""
    config = description.site(settings())["extra_config"].partition("location ~")[2]
    before, _, _ = config.partition("    include ")
    assert '    proxy_set_header Authorization "";\n' in before


def test_the_role_that_serves_it_finds_nothing_wrong() -> None:
    from datetime import datetime, timezone

    from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import site_problems

    defaults = {**DEFAULTS, "connections_per_address": 200, "rate_limits": {}}
    assert site_problems.problems([description.site(settings())], defaults, {}, datetime.now(timezone.utc)) == []


def test_a_provided_certificate_is_handed_on() -> None:
    site = description.site(settings(certificate="provided", certificate_file="/a.pem", certificate_key_file="/b.pem"))
    assert (site["certificate_file"], site["key_file"]) == ("/a.pem", "/b.pem")


def test_who_looks_at_the_page_leaves_the_rules_of_the_alerts_their_places_in_the_store() -> None:
    made = description.site({"domain": "stats.example.org", "users": {"ann": "swift-copper-lantern"}})
    assert 0 < made["connections_per_address"] < servers.QUERIES
    assert (
        f"limit_conn nginx_tls_slipway_dashboard_connections {made['connections_per_address']};" in made["extra_config"]
    )
    assert f"--query.max-concurrency={servers.QUERIES}" in servers.prometheus_arguments(servers.settings({}))
