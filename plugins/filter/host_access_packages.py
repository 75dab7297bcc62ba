# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_access_packages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_access_packages
short_description: Returns the APT packages that accounts, sshd and the firewall of a host need
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - The variables need not have been checked.
options:
  _input:
    description: The role's variables, without the prefix C(host_access_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Install sudo if somebody needs it
  slipway.flask.packages:
    name: "{{ {'people': people} | slipway.flask.host_access_packages }}"
"""

RETURN = r"""
_value:
  description: The packages.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._access.document import packages


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_access_packages": packages}
