# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.backups_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: backups_plan
short_description: Returns what the role backups writes on a host
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - The settings must have passed P(slipway.flask.backups_problems#filter).
  - Without settings, the plan removes everything.
options:
  _input:
    description: The settings, in the format of C(slipway_backups).
    type: dict
    required: true
  apps:
    description: The apps, in the format of the role's C(backups_apps).
    type: list
    elements: dict
    required: true
  host:
    description: Name of the host's folder at the targets.
    type: str
    required: true
  cluster:
    description: PostgreSQL cluster; empty means the only one.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the backup configuration
  slipway.flask.files:
    files: "{{ (slipway_backups | slipway.flask.backups_plan(backups_apps, inventory_hostname)).files }}"
"""

RETURN = r"""
_value:
  description: C(files), C(prune) and C(units), in the format of M(slipway.flask.files).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._backup.setup import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"backups_plan": plan}
