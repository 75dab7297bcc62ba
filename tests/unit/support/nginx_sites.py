# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A site as a user of nginx_tls writes it, and the role's defaults for it."""

from __future__ import annotations

from typing import Any

DEFAULTS = {
    "body_size_mb": 16,
    "header_kb": 8,
    "timeout_seconds": 60,
    "hsts_seconds": 1000,
    "hsts_preload": False,
    "http3": False,
    "headers": {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN"},
}
STATIC = {"url": "/static/", "folder": "/srv/shop/current/static"}


def site(**changes: Any) -> dict[str, Any]:
    return {"name": "shop", "domains": ["shop.example"], "upstream": "unix:/srv/shop/current/run/app.sock", **changes}
