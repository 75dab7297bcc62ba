# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.edge_sites."""

from __future__ import annotations

DOCUMENTATION = r"""
name: edge_sites
short_description: Adapts the sites of nginx to the edges of the inventory
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - On an edge, requests are passed to HAProxy; on the hosts behind it, only edges may make requests.
  - Sites of apps without an edge are not changed.
options:
  _input:
    description: The sites, in the format of C(nginx_tls_sites).
    type: list
    elements: dict
    required: true
  apps:
    description: The apps of the sites, with all their keys.
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
- name: Show the sites of this host
  ansible.builtin.debug:
    msg: "{{ sites | slipway.flask.edge_sites(apps, inventory_hostname, groups, hostvars) }}"
  vars:
    apps: "{{ slipway_apps | slipway.flask.normalise_apps }}"
    sites: "{{ apps | slipway.flask.app_documents('nginx_tls_sites') }}"
"""

RETURN = r"""
_value:
  description: The sites.
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._edge import sites


def edge_sites(
    found: Iterable[Mapping[str, Any]],
    apps: Iterable[Mapping[str, Any]],
    host: str,
    groups: Mapping[str, Any],
    hostvars: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the sites FOUND of APPS as HOST is to have them."""
    return sites.sites(found, apps, host, groups, hostvars)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"edge_sites": edge_sites}
