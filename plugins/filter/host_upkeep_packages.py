# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_upkeep_packages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_upkeep_packages
short_description: Returns the APT packages that the role host_upkeep needs
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - An entry lists alternatives if packages conflict with each other, in the format of M(slipway.flask.packages).
options:
  _input:
    description: The role's variables, without the prefix C(host_upkeep_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ {} | slipway.flask.host_upkeep_packages }}"
"""

RETURN = r"""
_value:
  description: The packages.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._upkeep.plan import packages


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_upkeep_packages": packages}
