# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The hosts of an inventory: which of them does what, and where the others reach it.

Everything here is computed from the whole inventory, whatever `--limit` says.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Groups = Mapping[str, Sequence[str]]
Hostvars = Mapping[str, Any]

ROLES = ("web", "worker", "edge", "db")
"""Groups of the inventory: apps with their sites, processes of apps alone, load balancers, database servers."""
RUNNING = ("web", "worker")
"""Those whose hosts run releases."""
ADDRESS = "slipway_private_address"
DOMAIN = "slipway.internal"
"""What the names of hosts in their certificates end in. `internal` is reserved for private use (ICANN, 29 July 2024)."""


def roles_of(host: str, groups: Groups) -> list[str]:
    """Return what HOST is for: those of ROLES that are groups of it."""
    return [role for role in ROLES if host in (groups.get(role) or [])]


def hosts_of(groups: Groups, roles: Iterable[str] = ROLES) -> list[str]:
    """Return the hosts that are for one of ROLES, each once: those of the first role first, in the inventory's order."""
    return list(dict.fromkeys(str(host) for role in roles for host in groups.get(role) or []))


def no_group(groups: Groups) -> str:
    """Return what is wrong with an inventory that has none of the groups of ROLES."""
    own = sorted(set(groups) - {"all", "ungrouped"})
    near = [name for name in own if difflib.get_close_matches(name, ROLES, n=1)]
    has = f"its groups are {', '.join(own)}" if own else "it has no groups"
    return f"the inventory has no group 'web', in which the hosts of your apps are; {has}. " + (
        f"Rename '{near[0]}' to 'web'" if near else "Put your hosts into a group 'web'"
    )


def address(host: str, hostvars: Hostvars) -> str:
    """Return the IP address at which the other hosts reach HOST, "" if the inventory has none; see `address_problem`."""
    variables = hostvars[host]
    for text in (variables.get(ADDRESS), variables.get("ansible_host"), host):
        if text not in (None, ""):
            return _ip(text)
    return ""


def address_problem(host: str, hostvars: Hostvars) -> str:
    """Return what is wrong with the address at which the others reach HOST, "" if nothing is."""
    if address(host, hostvars):
        return ""
    given = hostvars[host].get(ADDRESS)
    if given not in (None, ""):
        return f"{host}: {ADDRESS} is '{given}'; it must be an IP address, such as 10.0.0.5, at which the other hosts reach it"
    return (
        f"{host}: the other hosts need an IP address to reach it, and 'ansible_host' is "
        f"{repr(str(hostvars[host]['ansible_host'])) if hostvars[host].get('ansible_host') else 'missing'}; "
        f"set {ADDRESS}, such as 10.0.0.5"
    )


def internal_name(host: str) -> str:
    """Return the DNS name of HOST in its certificate; no DNS server knows it."""
    return f"{host.lower()}.{DOMAIN}"


def in_url(text: str) -> str:
    """Return an IP address as a URL has it."""
    return f"[{text}]" if ":" in text else text


def _ip(text: Any) -> str:
    try:
        found = ipaddress.ip_address(str(text))
    except ValueError:
        return ""
    return "" if found.is_unspecified or found.is_multicast or found.is_loopback else str(found)


def said(host: str, variable: str, hostvars: Hostvars) -> Mapping[str, Any]:
    """Return what a task of this run has registered as VARIABLE on HOST, {} if it has not."""
    found = hostvars[host].get(variable)
    return found if isinstance(found, Mapping) else {}
