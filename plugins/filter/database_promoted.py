# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.database_promoted."""

from __future__ import annotations

DOCUMENTATION = r"""
name: database_promoted
short_description: Returns why the inventory doesn't say what a promotion has made of a database server
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Reads what M(slipway.flask.postgres_standby) with C(state=checked) has registered on the database hosts as
    C(slipway_database_marks).
options:
  _input:
    description: Name of the host in the inventory.
    type: str
    required: true
  variables:
    description: Variables of the hosts, C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ inventory_hostname | slipway.flask.database_promoted(hostvars) }}"
"""

RETURN = r"""
_value:
  description: One sentence; empty if the inventory is right.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import standbys


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"database_promoted": database_promoted}


def database_promoted(host: str, variables: Mapping[str, Any]) -> str:
    """Return what is wrong with the inventory for HOST, "" for nothing."""
    return standbys.promoted(host, variables)
