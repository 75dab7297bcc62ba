# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.database_replication."""

from __future__ import annotations

DOCUMENTATION = r"""
name: database_replication
short_description: Returns which database server a host follows, and which follow it
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Reads C(slipway_database) of the hosts of the group C(db). Which hosts are meant doesn't depend on C(--limit).
options:
  _input:
    description: Name of the host in the inventory.
    type: str
    required: true
  groups:
    description: Groups of the inventory, C(groups).
    type: dict
    required: true
  variables:
    description: Variables of the hosts, C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show whose standby this host is
  ansible.builtin.debug:
    msg: "{{ (inventory_hostname | slipway.flask.database_replication(groups, hostvars)).primary }}"
"""

RETURN = r"""
_value:
  description: >-
    C(primary), a mapping with C(name), C(address) and C(certified), empty if the host is no standby; C(standbys), a list of such
    mappings with C(verifier); and C(lost), whether the host must be copied anew.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import standbys


def database_replication(host: str, groups: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the primary and the standbys of HOST."""
    return standbys.replication(host, groups, variables)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"database_replication": database_replication}
