# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When an app is healthy: each of its health paths answers with one of the statuses that mean so.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Health:
    """The request that tells whether an app is healthy: every path must be answered with one of the statuses."""

    path: tuple[str, ...] = ("/",)
    status: tuple[int, ...] = (200,)
    host: str = ""
    timeout_seconds: int = 60


def wrong(health: Health, ask: Callable[[str], tuple[int, str]]) -> str:
    """Return "" when every path is answered as it should be, else what the first other one did: `/login answered 500`.

    ASK sends the request for a path and returns status and body.
    """
    for path in health.path:
        try:
            status, _ = ask(path)
        except (OSError, http.client.HTTPException) as error:
            return f"{path} did not answer ({str(error) or type(error).__name__})"
        if status not in health.status:
            return f"{path} answered {status}"
    return ""


def wanted(health: Health) -> str:
    """Return the good statuses as a person reads them: `200` or `200 or 204`."""
    return " or ".join(map(str, health.status))
