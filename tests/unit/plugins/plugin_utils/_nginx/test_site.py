# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls: sites are completed as the templates read them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import complete
from nginx_sites import DEFAULTS, STATIC, site


def test_completed_site() -> None:
    full = complete(site(domains=["Shop.Example"], name="my-shop", static=[STATIC]), DEFAULTS)
    assert full["domains"] == ["shop.example"]
    assert (full["socket"], full["addresses"]) == ("unix:/srv/shop/current/run/app.sock", [])
    assert full["static"][0]["folder"] == "/srv/shop/current/static/"
    assert full["prefix"] == "nginx_tls_my_shop"
    assert full["release_link"] == "/srv/shop/current"
    assert complete(site(upstream="unix:/run/app.sock"), DEFAULTS)["release_link"] == ""
    assert complete(site(upstream="a:1"), DEFAULTS)["addresses"] == ["a:1"]


def test_a_site_may_have_no_app() -> None:
    full = complete(site(upstream="none"), DEFAULTS)
    assert (full["has_app"], full["socket"], full["addresses"], full["release_link"]) == (False, "", [], "")
    assert complete(site(), DEFAULTS)["has_app"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"hsts_seconds": 5}, "max-age=5"),
        ({"certificate": "provided"}, "max-age=1000"),
        ({"certificate": "provided", "hsts_seconds": 0}, None),
        ({"headers": {"strict-transport-security": "max-age=1; preload"}}, "max-age=1; preload"),
        ({"hsts_preload": True, "hsts_seconds": 5}, "max-age=5; includeSubDomains; preload"),
    ],
)
def test_hsts_only_with_a_certificate_that_browsers_trust(changes: dict[str, Any], expected: str | None) -> None:
    headers = {entry["name"].lower(): entry["value"] for entry in complete(site(**changes), DEFAULTS)["headers"]}
    assert headers.get("strict-transport-security") == expected


def test_headers_of_a_site_replace_and_drop_common_ones() -> None:
    own = {"x-frame-options": "", "X-Content-Type-Options": 'a"b\\c'}
    headers = complete(site(headers=own), DEFAULTS)["headers"]
    assert [(entry["name"], entry["value"]) for entry in headers] == [("X-Content-Type-Options", 'a\\"b\\\\c')]
    assert headers[0]["variable"] == "nginx_tls_shop_x_content_type_options"
    assert headers[0]["upstream"] == "upstream_http_x_content_type_options"


def test_http3_is_announced() -> None:
    headers = complete(site(), {**DEFAULTS, "http3": True})["headers"]
    assert [entry["value"] for entry in headers if entry["name"] == "Alt-Svc"] == ['h3=\\":443\\"; ma=86400']
