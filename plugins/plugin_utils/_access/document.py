# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The access settings of a host, and problems with their variables: one line here per part.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._access import firewall, people, ssh

SECONDS = (10, 600)
"""Range of `confirm_seconds`: a login over a slow line takes a while, and nobody waits ten minutes for a host."""


LISTS = {
    "people": "[{name: ann, keys: [...], sudo: true}]",
    "firewall_allow": "[{port: 51820, protocol: udp}]",
    "never_ban": "[198.51.100.7]",
}


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with VARIABLES (name without the role's prefix -> value) as sentences."""
    found = [
        f"host_access_{name} must be a list, such as {such}"  # what it is may have a hash in it
        for name, such in LISTS.items()
        if not isinstance(variables.get(name) or [], list)
    ]
    if found:
        return found
    found = people.problems(variables.get("people") or [], "host_access_people")
    found += ssh.problems(variables.get("ssh") or {}, "host_access_ssh")
    found += firewall.problems(variables)
    seconds = str(variables.get("confirm_seconds", SECONDS[0]))
    if not (seconds.isdecimal() and SECONDS[0] <= int(seconds) <= SECONDS[1]):
        found.append(
            f"host_access_confirm_seconds is '{seconds}'; it must be a number from {SECONDS[0]} to {SECONDS[1]}"
        )
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
    people = variables.get("people")
    people = people if isinstance(people, list) else []
    sudo = any(isinstance(person, Mapping) and person.get("sudo") for person in people)
    return (["sudo"] if sudo else []) + firewall.packages(variables)
