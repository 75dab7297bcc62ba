# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.edge_backends."""

from __future__ import annotations

DOCUMENTATION = r"""
name: edge_backends
short_description: Returns what an edge balances
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns an entry for each app that the host balances, with the web hosts that serve it.
  - The result doesn't depend on C(--limit).
options:
  _input:
    description: The apps, with all their keys, as returned by P(slipway.flask.normalise_apps#filter).
    type: list
    elements: dict
    required: true
  host:
    description: Name of the host in the inventory.
    type: str
    required: true
  groups:
    description: The inventory's groups.
    type: dict
    required: true
  hostvars:
    description: Variables of the hosts.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what this host balances
  ansible.builtin.debug:
    msg: >-
      {{ slipway_apps | slipway.flask.normalise_apps
         | slipway.flask.edge_backends(inventory_hostname, groups, hostvars) }}
"""

RETURN = r"""
_value:
  description: The backends, in the format of C(edge_backends) of the role P(slipway.flask.edge#role).
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._edge import backends


def edge_backends(
    apps: Iterable[Mapping[str, Any]], host: str, groups: Mapping[str, Any], hostvars: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the entries for those of APPS that HOST balances."""
    return backends.backends(apps, host, groups, hostvars)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"edge_backends": edge_backends}
