# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an edge balances: for each of its apps the hosts that serve it, and how they are asked whether they are well.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars


def backends(apps: Iterable[Mapping[str, Any]], host: str, groups: Groups, hostvars: Hostvars) -> list[dict[str, Any]]:
    """Return the role's `edge_backends` for those of APPS, which have all their keys, that HOST balances; [] for no edge."""
    return [backend(app, groups, hostvars) for app in apps if host in fleet.edges_of(app, groups, hostvars)]


def backend(app: Mapping[str, Any], groups: Groups, hostvars: Hostvars) -> dict[str, Any]:
    """Return APP's entry: its web hosts by name, address and the name in their certificate, in the inventory's order."""
    return {
        "name": app["name"],
        "hosts": [
            {"name": host, "address": hosts.address(host, hostvars), "certificate": hosts.internal_name(host)}
            for host in fleet.web_hosts_of(app, groups, hostvars)
        ],
        "check": {
            "path": app["health_path"][0],
            "host": app["health_host"] or app["domains"][0],
            "status": list(app["health_status"]),
        },
        "timeout_seconds": app["timeout_seconds"],
        "streaming": bool(app["streaming"]),
        "static": [url for url, entry in app["static"].items() if entry.get("fallback") != "app"],
        "header_kb": app["header_kb"],
    }
