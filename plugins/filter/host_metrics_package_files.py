# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_metrics_package_files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_metrics_package_files
short_description: Returns files to write before the APT packages of the role host_metrics are installed
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - They prevent the packages' own servers from starting, because they would listen on all addresses.
options:
  _input:
    description: C(host_metrics_mode).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ 'local' | slipway.flask.host_metrics_package_files }}"
"""

RETURN = r"""
_value:
  description: The files, as path to contents.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.plan import package_files


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_metrics_package_files": package_files}
