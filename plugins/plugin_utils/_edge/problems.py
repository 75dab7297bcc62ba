# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with an inventory's edges, and with the role's own variables.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

HOST = re.compile(r"[A-Za-z0-9_.:-]{1,255}")
"""Names that HAProxy takes for a server (its configuration manual, section 2.3)."""
PATH = re.compile(r"/[\x21\x23-\x26\x28-\x5b\x5d-\x7e]*")
"""Without spaces, quotes and backslashes."""
RANGES = {"check_seconds": (1, 60), "slow_start_seconds": (0, 600), "connections": (100, 100_000)}


def of_app(app: Mapping[str, Any], host: str, groups: Groups, hostvars: Hostvars) -> Iterator[str]:
    """Yield what keeps HOST from balancing, or from being balanced for, APP, which has all its keys."""
    edges = fleet.edges_of(app, groups, hostvars)
    if host not in edges:
        return
    if host in fleet.web_hosts_of(app, groups, hostvars):
        yield (
            f"{host} is both its edge and one of its web hosts; a host that fails would take the other with it. Remove it from "
            "the group 'web' or from the group 'edge'"
        )
    http_01 = hostvars[host].get("nginx_tls_acme_challenge", "http-01") == "http-01"
    if len(edges) > 1 and app["certificate"] == "acme" and http_01:
        yield (
            f"'certificate' is 'acme' and it has {len(edges)} edges, {', '.join(edges)}: the authority asks any one of them, "
            "and the others would never get a certificate. Set nginx_tls_acme_challenge: dns-01, or certificate: provided"
        )


def role_problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the role's VARIABLES, without the prefix `edge_`, one sentence each."""
    found = []
    for key, (low, high) in RANGES.items():
        value = variables[key]
        if isinstance(value, bool) or not str(value).isdigit() or not low <= int(value) <= high:
            found.append(f"edge_{key} is '{value}'; it must be a whole number from {low} to {high}")
    names = [str(entry.get("name", "")) for entry in variables["backends"]]
    found += [f"edge_backends: '{name}' is given twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for entry in variables["backends"]:
        found += [f"edge_backends, '{entry.get('name', '')}': {text}" for text in _backend(entry)]
    return found


def _backend(entry: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", str(entry.get("name", ""))):
        yield "name must be 1 to 31 of a-z, 0-9 and '-', beginning with a letter"
    if not entry.get("hosts"):
        yield "hosts must name at least one host that serves it"
    for host in entry.get("hosts") or []:
        if not HOST.fullmatch(str(host.get("name", ""))):
            yield f"the name '{host.get('name', '')}' of a host must consist of letters, digits and . _ : -"
        if not _is_address(host.get("address")):
            yield f"{host.get('name')}: address is '{host.get('address', '')}'; it must be an IP address"
        if not HOST.fullmatch(str(host.get("certificate", ""))):
            yield f"{host.get('name')}: certificate must be the name in the host's certificate"
    check = entry.get("check") or {}
    for path in [str(check.get("path", "/")), *map(str, entry.get("static") or [])]:
        if not PATH.fullmatch(path):
            yield f"the path '{path}' must begin with '/' and have no spaces, quotes or backslashes"
    if not HOST.fullmatch(str(check.get("host", ""))):
        yield "check.host must be the domain that is asked for"


def _is_address(text: object) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True
