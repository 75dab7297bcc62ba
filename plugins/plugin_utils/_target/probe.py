# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which sites a host asks as their visitors do: its own, and those of all other hosts of the inventory.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet

MOST_DOMAINS = 5
"""For one app; many have hundreds that lead to the same."""
LOOPBACK = "127.0.0.1"


def sites(
    hosts: Sequence[str], host: str, variables: Mapping[str, Any], groups: Mapping[str, Sequence[str]] | None = None
) -> list[dict[str, Any]]:
    """Return the sites that HOST asks; HOSTS are all that the inventory has for the apps, VARIABLES are theirs.

    With GROUPS, a site with edges is asked of each of these as visitors do, and each host behind them asks itself. What is
    wrong with the apps of another host is said there.
    """
    found = []
    for name in hosts:
        apps = variables[name].get("slipway_apps") or []
        if description.problems(apps):
            continue
        address = LOOPBACK if name == host else str(variables[name].get("ansible_host") or name)
        for app in map(description.normalise, apps):
            edges = fleet.edges_of(app, groups or {}, variables)
            if groups and name not in (edges or fleet.web_hosts_of(app, groups, variables)):
                if not (edges and name == host and host in fleet.web_hosts_of(app, groups, variables)):
                    continue
                app = {**app, "certificate": "self_signed"}  # the one that visitors see is on the edge
            found += [_site(app, domain, name, address) for domain in _asked(app)]
    return found


def watched(found: Sequence[Mapping[str, Any]], hosts: Sequence[str], host: str) -> list[str]:
    """Return the other hosts that have one of the sites FOUND, the nearest before HOST first, as in a ring."""
    own = list(hosts).index(host)
    ring = reversed([*hosts[own + 1 :], *hosts[:own]])
    return [name for name in ring if any(one["on"] == name for one in found)]


def _asked(app: Mapping[str, Any]) -> list[str]:
    return [domain for domain in app["domains"] if not domain.startswith("*")][:MOST_DOMAINS]


def _site(app: Mapping[str, Any], domain: str, on: str, address: str) -> dict[str, Any]:
    """Return a site; one with a certificate of its own making is nobody's but ours, and its domain may be in no DNS."""
    own = app["certificate"] == "self_signed"
    return {
        "app": app["name"],
        "domain": domain,
        "on": on,
        "path": app["health_path"][0],
        "status": list(app["health_status"]),
        **({"address": address, "verify": False} if own else {"verify": app["certificate"] == "acme"}),
    }
