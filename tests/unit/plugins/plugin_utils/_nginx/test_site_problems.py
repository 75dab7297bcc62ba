# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls: sites with mistakes are refused with a sentence each, and good ones are not."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site_problems import problems
from nginx_sites import DEFAULTS, STATIC, site

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def found(*sites: dict[str, Any], **defaults: Any) -> list[str]:
    return problems(list(sites), {**DEFAULTS, **defaults}, {}, NOW)


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"domains": ["shop.example", "*.shop.example", "xn--mnchen-3ya.example", "localhost"]},
        {"redirect_domains": ["www.shop.example"]},
        {"upstream": ["127.0.0.1:8000", "[::1]:8000", "app.internal:8000"]},
        {"upstream": "127.0.0.1:8000"},
        {"upstream_keepalive": 0},
        {"static": [STATIC, {"url": "/favicon.ico", "folder": "/srv/x/favicon.ico", "fallback": "app"}]},
        {"static": [{"url": "/.well-known/security.txt", "folder": "/srv/x/security.txt"}]},
        {"headers": {"Content-Security-Policy": "default-src 'self'; style-src \"x\""}},
        {"hsts_seconds": 0, "body_size_mb": 102_400, "timeout_seconds": 1},
    ],
)
def test_good_sites_have_no_problems(good: dict[str, Any]) -> None:
    assert found(site(**good)) == []


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"name": "Shop"}, "name must be"),
        ({"name": "a_b"}, "name must be"),
        ({"name": ""}, "nginx_tls_sites[0]: name must be"),
        ({"domains": []}, "domains must be given"),
        ({"domains": ["a_b.example"]}, "'a_b.example' must be a host name"),
        ({"domains": ["https://a.example"]}, "without scheme and port"),
        ({"domains": ["a.example:443"]}, "without scheme and port"),
        ({"domains": ["a.example."]}, "must be a host name"),
        ({"domains": ["www.*.example"]}, "must be a host name"),
        ({"domains": ["a.example; return 200"]}, "must be a host name"),
        ({"domains": ["münchen.example"]}, "write xn--mnchen-3ya.example"),
        ({"domains": ["192.0.2.7"]}, "is an address"),
        ({"domains": ["a." * 127 + "ab"]}, "must be a host name"),
        ({"domains": ["a.example", "A.example"]}, "already one of site 'shop'"),
        ({"domains": ["*.a.example"], "redirect_domains": ["b.example"]}, "can't be the wildcard"),
        ({"upstream": ""}, "upstream must be given"),
        ({"upstream": "none", "streaming": ["/events"]}, "streaming needs an application, and upstream is 'none'"),
        ({"upstream": "none", "rate_limits": {"/": "1/second"}}, "rate_limits needs an application"),
        (
            {"upstream": "none", "static": [{**STATIC, "fallback": "app"}]},
            "fallback 'app' of static needs an application",
        ),
        ({"upstream": "unix:relative.sock"}, "absolute path"),
        ({"upstream": "unix:/srv/../etc/x.sock"}, "absolute path"),
        ({"upstream": "unix:/srv/a b.sock"}, "absolute path"),
        ({"upstream": "unix:/" + "x" * 110}, "limit for sockets is 107"),
        ({"upstream": ["127.0.0.1"]}, "addresses such as"),
        ({"upstream": ["127.0.0.1:70000"]}, "addresses such as"),
        ({"upstream": ["[::g]:80"]}, "addresses such as"),
        ({"upstream": ["http://a:80"]}, "addresses such as"),
        ({"static": [{**STATIC, "url": "/"}]}, "hide the application"),
        ({"static": [{**STATIC, "url": "/static"}]}, "must end with '/'"),
        ({"static": [{**STATIC, "url": "static/"}]}, "must look like /static/"),
        ({"static": [{**STATIC, "url": "/a/../b/"}]}, "must look like /static/"),
        ({"static": [{**STATIC, "url": "/.well-known/"}]}, "begins with a dot"),
        ({"static": [{**STATIC, "folder": "app/static"}]}, "absolute path"),
        ({"static": [{**STATIC, "folder": "/srv/../etc"}]}, "absolute path"),
        ({"static": [{**STATIC, "folder": "/srv/a;b"}]}, "absolute path"),
        ({"static": [STATIC, STATIC]}, "given twice"),
        ({"static": [{**STATIC, "expires_seconds": -1}]}, "expires_seconds"),
        ({"static": [{**STATIC, "immutable": "yes"}]}, "one of auto, always, never"),
        ({"static": [{**STATIC, "fallback": "403"}]}, "one of 404, app"),
        (
            {"static": [{**STATIC, "previous_folder": "../old"}]},
            "previous_folder '../old/' of /static/ must be an absolute",
        ),
        (
            {"static": [{**STATIC, "vetted_folder": "vetted"}]},
            "vetted_folder 'vetted/' of /static/ must be an absolute",
        ),
        ({"rate_limits": {"/login": "often"}}, "rate_limits of '/login' is 'often'"),
        ({"header_kb": 65}, "header_kb is 65"),
        ({"static": [{"url": "/s/", "folder": "/a/b", "within": "/a/c"}]}, "within '/a/c' of static /s/"),
        ({"body_size_mb": 0}, "body_size_mb is 0"),
        ({"body_size_mb": "16m"}, "body_size_mb is '16m'"),
        ({"timeout_seconds": True}, "timeout_seconds is True"),
        ({"hsts_seconds": -1}, "hsts_seconds is -1"),
        ({"headers": {"X Y": "a"}}, "must be a header's name"),
        ({"headers": {"X-Y": "a\nb"}}, "one line without '$'"),
        ({"headers": {"X-Y": "$host"}}, "one line without '$'"),
        ({"upstream_keepalive": -1}, "upstream_keepalive is -1; it must be a whole number of connections, 0 to 1024"),
        ({"upstream_keepalive": True}, "upstream_keepalive is True"),
        ({"upstream": "127.0.0.1:8000", "upstream_retry": True}, "upstream_retry is for an upstream that is a socket"),
        ({"hsts_preload": True}, "31536000 (a year) or more; it is 0, as with a self-signed certificate"),
        ({"hsts_preload": True, "hsts_seconds": 300}, "31536000 (a year) or more; it is 300"),
        ({"certificate": "letsencrypt"}, "self_signed, provided or acme"),
        ({"certificate_file": "/a.pem"}, "only with 'certificate: provided'"),
        ({"certificate": "provided"}, "needs certificate_file and key_file"),
        (
            {"certificate": "provided", "certificate_file": "/a.pem", "key_file": "b.key"},
            "certificate_file '/a.pem' and key_file 'b.key' must be the absolute path",
        ),
    ],
)
def test_mistakes_are_named(bad: dict[str, Any], sentence: str) -> None:
    messages = found(site(**bad))
    assert len(messages) == 1, messages
    assert sentence in messages[0]
    assert messages[0].startswith("nginx_tls_sites")


def test_sites_may_not_share_a_domain_or_a_name() -> None:
    messages = found(site(), site(redirect_domains=["other.example"]), site(name="b", domains=["Other.example"]))
    assert any("name is given twice" in message for message in messages)
    assert any("'shop.example' is already one of site 'shop'" in message for message in messages)
    assert any("site 'b': domain 'other.example' is already one of site 'shop'" in message for message in messages)


def test_mistakes_in_defaults_are_found() -> None:
    assert "body_size_mb is 0" in found(site(), body_size_mb=0)[0]
