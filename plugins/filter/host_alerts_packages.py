# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_alerts_packages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_alerts_packages
short_description: Returns the APT packages that the role host_alerts needs
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns an empty list without settings.
options:
  _input:
    description: The settings, in the format of C(slipway_alerts).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ slipway_alerts | slipway.flask.host_alerts_packages }}"
"""

RETURN = r"""
_value:
  description: The packages.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.plan import packages


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_alerts_packages": packages}
