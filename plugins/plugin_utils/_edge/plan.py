# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The role's backends as its templates read them; they have passed `problems.role_problems`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._edge.hold import variable

DEFAULTS: dict[str, Any] = {
    "port": 443,
    "timeout_seconds": 60,
    "streaming": False,
    "static": [],
    "header_kb": 8,
}
CHECK: dict[str, Any] = {"path": "/", "status": [200]}
LONGER_SECONDS = 5
"""HAProxy waits this much longer than the nginx of the host, whose own answer (504) says more; the edge's nginx longer still."""
STREAM_SECONDS = 3600
"""How long a stream may say nothing: as in nginx_tls."""
LINES = 4
"""nginx lets through that many lines of `header_kb` (large_client_header_buffers in nginx_tls)."""


def plan(backends: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return `backends`, whole, the `variables` with the state of each host, and `buffer_bytes` for a request's headers."""
    whole = [complete(entry) for entry in backends]
    names = {host["variable"] for entry in whole for host in entry["hosts"]}
    largest = max((entry["header_kb"] for entry in whole), default=DEFAULTS["header_kb"])
    # tune.maxrewrite, 1 kB of it, is kept free for headers that are added.
    return {"backends": whole, "variables": sorted(names), "buffer_bytes": (largest * LINES + 2) * 1024}


def complete(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an app's ENTRY with all its keys."""
    full = {**DEFAULTS, **entry, "check": {**CHECK, **entry["check"]}}
    full["hosts"] = [
        {**host, "server": f"{host['address']}:{host.get('port', full['port'])}", "variable": variable(host["name"])}
        for host in entry["hosts"]
    ]
    waits = STREAM_SECONDS if full["streaming"] else full["timeout_seconds"]
    full["server_seconds"] = waits + LONGER_SECONDS
    return full
