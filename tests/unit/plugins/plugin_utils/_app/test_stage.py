# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`stage: staging`: what it changes, and what the user says goes before it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import site as nginx_site
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd
from app_descriptions import shop

CLOSED = {"stage": "staging", "access": [{"path": "/", "basic_auth": {"team": "$5$salt$" + "a" * 43}}]}
DEFAULTS: dict[str, Any] = {
    "body_size_mb": 16, "timeout_seconds": 60, "headers": {"X-Frame-Options": "DENY"}, "hsts_seconds": 31_536_000,
    "hsts_preload": False, "http3": False,
}  # fmt: skip


def site_of(**changes: Any) -> dict[str, Any]:
    app = shop(**{**CLOSED, **changes})
    assert description.problems([app]) == []
    return nginx_site.complete(systemd.site(description.normalise(app)), DEFAULTS)


def headers(site: dict[str, Any]) -> dict[str, str]:
    return {header["name"]: header["value"] for header in site["headers"]}


def test_a_staging_site_is_closed_or_said_to_be_open() -> None:
    (told,) = description.problems([shop(stage="staging")])
    assert "'stage' is 'staging', and 'access' is missing: anybody could see the site. Add `access:" in told
    assert description.problems([shop(stage="staging", access=[])]) == []
    assert description.problems([shop(stage="production")]) == []
    (told,) = description.problems([shop(stage="stagin")])
    assert "'stage' is 'stagin'; it must be one of production, staging" in told


def test_search_engines_are_kept_away_and_nobody_is_held_to_https() -> None:
    found = headers(site_of(certificate="acme", hsts_preload=True))
    assert found["X-Robots-Tag"] == "noindex, nofollow"
    assert "Strict-Transport-Security" not in found
    assert headers(site_of(headers={"X-Robots-Tag": "all"}))["X-Robots-Tag"] == "all"


def test_robots_txt_is_answered_once() -> None:
    static = [
        {"url": "/robots.txt", "folder": "/srv/shop/robots.txt"},
        {"url": "/static/", "folder": "/srv/shop/static"},
    ]
    site = {"name": "shop", "domains": ["shop.example"], "upstream": "unix:/run/shop.sock", "static": static}
    found = [nginx_site.complete({**site, "staging": staging}, DEFAULTS)["static"] for staging in (True, False)]
    assert [[entry["url"] for entry in entries] for entries in found] == [["/static/"], ["/robots.txt", "/static/"]]


def test_the_app_is_told_of_its_stage_and_production_has_no_variable_for_it() -> None:
    assert description.normalise(shop(**CLOSED))["environment"]["SLIPWAY_STAGE"] == "staging"
    own = shop(**CLOSED, environment={"SLIPWAY_STAGE": "qa"})
    assert description.normalise(own)["environment"]["SLIPWAY_STAGE"] == "qa"
    assert "SLIPWAY_STAGE" not in description.normalise(shop())["environment"]


@pytest.mark.parametrize(
    ("directory", "staging", "url"),
    [
        ("letsencrypt", False, "https://acme-v02.api.letsencrypt.org/directory"),
        ("letsencrypt", True, "https://acme-staging-v02.api.letsencrypt.org/directory"),
        (
            "https://acme-v02.api.letsencrypt.org/directory",
            True,
            "https://acme-staging-v02.api.letsencrypt.org/directory",
        ),
        ("letsencrypt-staging", True, "https://acme-staging-v02.api.letsencrypt.org/directory"),
        ("zerossl", True, "https://acme.zerossl.com/v2/DV90"),
        ("https://ca.example/dir", True, "https://ca.example/dir"),
    ],
)
def test_only_lets_encrypt_has_an_authority_for_staging(directory: str, staging: bool, url: str) -> None:
    assert acme.url(directory, staging) == url
    settings = acme.Settings(directory)
    assert settings.of(acme.Site("shop", ["shop.example"], staging)).directory == url
