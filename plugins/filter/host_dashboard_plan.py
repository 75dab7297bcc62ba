# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_dashboard_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_dashboard_plan
short_description: Returns what the role host_dashboard writes on a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns the dashboard's files, and the Prometheus recording rules for graphs of a day and more.
options:
  _input:
    description: >-
      What the dashboard shows before there are metrics - C(host), C(apps) (each with C(name) and C(domains)),
      C(backups) and C(alerts) (whether they are set up).
    type: dict
    required: true
  wanted:
    description: V(false) removes the dashboard.
    type: bool
    default: true
  store:
    description: Whether the host has a Prometheus, which must reload its rules.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Write the dashboard
  slipway.flask.files:
    files: "{{ ({'host': inventory_hostname, 'apps': []} | slipway.flask.host_dashboard_plan).files }}"
"""

RETURN = r"""
_value:
  description: C(files), C(prune) and C(units), in the format of M(slipway.flask.files).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_dashboard_plan": plan}
