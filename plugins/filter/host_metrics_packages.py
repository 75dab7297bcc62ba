# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_metrics_packages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_metrics_packages
short_description: Returns the APT packages that the role host_metrics needs
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns an empty list if no metrics are collected.
options:
  _input:
    description: C(host_metrics_mode).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ 'local' | slipway.flask.host_metrics_packages }}"
"""

RETURN = r"""
_value:
  description: The packages.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.plan import packages


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_metrics_packages": packages}
