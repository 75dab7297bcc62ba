# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_logs_package_files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_logs_package_files
short_description: Returns files to write before the APT packages of the role host_logs are installed
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - They prevent the package's own service from running, because it would write the journal to disk a second time.
options:
  _input:
    description: C(host_logs_ship).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ {} | slipway.flask.host_logs_package_files }}"
"""

RETURN = r"""
_value:
  description: The files, as path to contents.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._shipping.plan import package_files


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_logs_package_files": package_files}
