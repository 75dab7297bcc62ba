# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's `audit` settings, as they are sent to the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

URL = "https://api.osv.dev"
"""The service of OSV, the database that the Python Packaging Authority's and GitHub's are part of."""


@dataclass(frozen=True)
class Allowed:
    """One vulnerability that somebody accepts: its ID (any of its names), why, and the last day (ISO 8601, UTC)."""

    id: str
    reason: str
    until: str


@dataclass(frozen=True)
class Policy:
    """An app's `audit`. PRIVATE are patterns of package names that are not sent to the service."""

    mode: Literal["off", "report", "refuse"] = "off"
    severity: Literal["low", "medium", "high", "critical"] = "low"
    allow: tuple[Allowed, ...] = ()
    private: tuple[str, ...] = ()


AUDITS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "app": {"type": "str", "required": True},
        "root": {"type": "path", "required": True},
        "url": {"type": "str", "required": True},
        "audit": {"type": "dict", "required": True},
    },
}
"""The argument spec of the apps whose releases are looked at (plugin_utils/_target/systemd.py, `audits`)."""
