# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""nginx_tls: mistakes in the variables that hold for all sites are refused with a sentence each."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.settings import problems

GOOD = {
    "profile": "intermediate",
    "http3": False,
    "nginx": "1.22",
    "trusted_proxies": [],
    "status_port": 0,
    "worker_connections": 4096,
    "log_mask": ["default", "iban"],
    "pages": {},
    "maintenance_allow": [],
    "maintenance_retry_seconds": 300,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"profile": "modern"},
        {"http3": True, "nginx": "1.26"},
        {"http3": True, "nginx": "1.25.0"},
        {"trusted_proxies": ["192.0.2.7", "192.0.2.0/24", "2001:db8::/32", "::1"]},
        {"pages": {"503": "closed", 404: "gone"}, "maintenance_allow": ["192.0.2.7", "2001:db8::/64"]},
        {"status_port": 8081, "worker_connections": 64},
        {"worker_connections": 0},
    ],
)
def test_good_settings(changes: dict[str, Any]) -> None:
    assert problems({**GOOD, **changes}) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"profile": "old"}, "nginx_tls_profile is 'old'; it must be one of intermediate, modern"),
        ({"http3": True}, "this host has nginx 1.22 and HTTP/3 came with 1.25"),
        ({"http3": True, "nginx": "1.24.0"}, "nginx 1.24.0"),
        ({"trusted_proxies": ["192.0.2.7/24"]}, "write '192.0.2.0/24'"),
        ({"trusted_proxies": ["cdn.example"]}, "has 'cdn.example': it must be an address or a network"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "which is everybody"),
        ({"trusted_proxies": ["::/0"]}, "which is everybody"),
        ({"status_port": 80}, "nginx_tls_status_port is '80'"),
        ({"status_port": True}, "nginx_tls_status_port is 'True'"),
        ({"pages": {"500": "oh"}}, "nginx_tls_pages has '500'; nginx has pages for 400"),
        ({"maintenance_allow": ["office"]}, "nginx_tls_maintenance_allow has 'office': it must be an address"),
        ({"maintenance_retry_seconds": 0}, "nginx_tls_maintenance_retry_seconds is '0'"),
        ({"log_mask": ["a=b"]}, "nginx_tls_log_mask has 'a=b'; it must be a parameter's name"),
        ({"worker_connections": 10}, "nginx_tls_worker_connections is '10'"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], sentence: str) -> None:
    found = problems({**GOOD, **changes})
    assert len(found) == 1, found
    assert sentence in found[0]
