# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The description of an app without a fault, for tests to change."""

from __future__ import annotations

from typing import Any

KEY = "7c1d6f0be2a94385b1e9c07f5ad2386e"
APP: dict[str, Any] = {
    "name": "shop",
    "domains": ["shop.example.com"],
    "source": {"path": "../shop"},
    "wsgi": "shop:create_app()",
    "secrets": {"SECRET_KEY": KEY},
}


def shop(**changes: Any) -> dict[str, Any]:
    """Return a valid description with CHANGES; a value of `...` leaves the key out."""
    return {key: value for key, value in {**APP, **changes}.items() if value is not ...}


def shop_secrets(**values: Any) -> dict[str, Any]:
    return shop(secrets={"SECRET_KEY": KEY, **values})


def shop_environment(**values: Any) -> dict[str, Any]:
    return shop(environment=values)
