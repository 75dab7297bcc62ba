# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_alerts_package_files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_alerts_package_files
short_description: Returns files to write before the APT packages of the role host_alerts are installed
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - They prevent the package's own server from starting, because it would listen on all addresses.
options:
  _input:
    description: The settings, in the format of C(slipway_alerts).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ slipway_alerts | slipway.flask.host_alerts_package_files }}"
"""

RETURN = r"""
_value:
  description: The files, as path to contents.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.plan import package_files


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_alerts_package_files": package_files}
