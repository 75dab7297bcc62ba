# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whose certificate authorities a host trusts, and what is wrong with the variables of the role host_identity.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._identity.program import USERS
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Hostvars

RESULT = "host_identity_result"
ELSEWHERE = "slipway_authorities"
"""What the role has registered on each host of the run, and what a look at the others has."""
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class TrustError(ValueError):
    """A message that a person can act on."""


def authorities(hosts: Iterable[str], host: str, hostvars: Hostvars) -> list[str]:
    """Return the authorities (PEM) of HOSTS, as they have told this run, or as HOST has looked them up.

    :raises TrustError: for a host whose authority nobody has told.
    """
    looked = {one.get("item"): one for one in (hostvars[host].get(ELSEWHERE) or {}).get("results") or []}
    found: list[str] = []
    for name in hosts:
        own = hostvars[name].get(RESULT)
        told = _of(own) or _of(looked.get(name))
        is_made = isinstance(own, Mapping) and own.get("changed")  # in check mode it would be
        if not told and not is_made:
            raise TrustError(
                f"{host} must know the certificate authority of {name}, which this run could not get. Mend what failed on "
                f"{name}, or run playbooks/provision.yml for it first"
            )
        found += told
    return found


def _of(result: Any) -> list[str]:
    return [str(text) for text in result.get("authorities") or []] if isinstance(result, Mapping) else []


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the role's VARIABLES (name without its prefix -> value), one sentence each."""
    found = []
    if not NAME.fullmatch(str(variables["name"])):
        found.append(
            f"host_identity_name is '{variables['name']}'; it must be a DNS name in lower case, such as web1.example.internal"
        )
    for text in variables.get("addresses") or []:
        try:
            ipaddress.ip_address(str(text))
        except ValueError:
            found.append(f"host_identity_addresses has '{text}'; it must be an IP address, such as 10.0.0.5")
    found += [
        f"host_identity_users has '{name}'; it must be one of {', '.join(USERS)}"
        for name in variables.get("users") or []
        if name not in USERS
    ]
    return found
