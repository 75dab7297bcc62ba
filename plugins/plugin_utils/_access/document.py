# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host is told of the ways into it, and what is wrong with the variables: one line here per part.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._access import firewall, people, ssh

SECONDS = (10, 600)
"""Range of `confirm_seconds`: a login over a slow line takes a while, and nobody waits ten minutes for a host."""


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    found = people.problems(variables.get("people") or [], "host_access_people")
    found += ssh.problems(variables.get("ssh") or {}, "host_access_ssh")
    found += firewall.problems(variables)
    seconds = int(variables.get("confirm_seconds", SECONDS[0]))
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        found.append(f"host_access_confirm_seconds is {seconds}; it must be from {SECONDS[0]} to {SECONDS[1]}")
    return found


def document(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the host's half gets as `context.asked`; each part reads its own key of it."""
    return {
        "people": [
            {"sudo": False, "password_hash": "", **person, "keys": [key.strip() for key in person["keys"]]}
            for person in variables.get("people") or []
        ],
        "ssh": ssh.document(variables.get("ssh") or {}),
        "firewall": firewall.document(variables),
        "bans": firewall.bans(variables),
        "never_ban": firewall.never_banned(variables),
    }


def packages(variables: Mapping[str, Any]) -> list[str]:
    """Return the APT packages that VARIABLES, which may still be wrong, need on the host."""
    people = variables.get("people") or []
    sudo = any(isinstance(person, Mapping) and person.get("sudo") for person in people)
    return (["sudo"] if sudo else []) + firewall.packages(variables)
