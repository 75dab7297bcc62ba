# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's site of nginx where requests come through an edge: on the edge itself, and on the hosts behind it.

What concerns visitors is done once, where they come in: the certificate, who may see what, how often. The hosts behind it
know only edges.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

SOCKETS = "/run/slipway-edge"
"""Where HAProxy takes each app's requests from nginx, in a socket with the app's name; also in roles/edge/vars."""
LONGER_SECONDS = 10
"""The edge waits this much longer than the host behind it, whose own answer (504) says more."""
MOST_SECONDS = 86_400
"""The longest `timeout_seconds` that nginx_tls takes."""


def sites(
    found: Iterable[Mapping[str, Any]],
    apps: Iterable[Mapping[str, Any]],
    host: str,
    groups: Groups,
    hostvars: Hostvars,
) -> list[dict[str, Any]]:
    """Return the sites FOUND of APPS as HOST is to have them; apps without an edge stay as they are."""
    by_name = {app["name"]: app for app in apps}
    made = []
    for site in found:
        edges = fleet.edges_of(by_name[site["name"]], groups, hostvars) if site["name"] in by_name else []
        if host in edges:
            made.append(at_edge(site))
        elif edges:
            made.append(behind(site, [hosts.address(edge, hostvars) for edge in edges]))
        else:
            made.append(dict(site))
    return made


def at_edge(site: Mapping[str, Any]) -> dict[str, Any]:
    """Return SITE as the edge has it: everything is asked of the hosts, files too."""
    dropped = ("static", "protected_downloads", "upstream_keepalive")
    return {
        **{key: value for key, value in site.items() if key not in dropped},
        "upstream": f"unix:{SOCKETS}/{site['name']}.sock",
        "upstream_retry": True,
        "timeout_seconds": min(site["timeout_seconds"] + LONGER_SECONDS, MOST_SECONDS),
    }


def behind(site: Mapping[str, Any], edges: list[str]) -> dict[str, Any]:
    """Return SITE as a host behind EDGES (their addresses) has it: nobody else may come in."""
    dropped = ("certificate_file", "key_file", "hsts_preload", "access", "client_ca_file")
    return {
        **{key: value for key, value in site.items() if key not in dropped},
        "edges": edges,
        "redirect_domains": [],
        "certificate": "self_signed",  # edges are shown the host's own certificate, under its own name
        "rate_limits": {},
        "connections_per_address": 0,
    }
