# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_dashboard_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_dashboard_plan
short_description: What the role host_dashboard writes on a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - The page's files, and the rules by which Prometheus keeps what its graphs of a day and more are drawn from.
options:
  _input:
    description: >-
      What the page says before anything is measured - C(host), C(apps) (C(name) and C(domains) each), C(backups) and
      C(alerts) (whether there are any).
    type: dict
    required: true
  wanted:
    description: V(false) takes the page away.
    type: bool
    default: true
  store:
    description: Whether the host has a store, which reads its rules again.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Write the page
  slipway.flask.files:
    files: "{{ ({'host': inventory_hostname, 'apps': []} | slipway.flask.host_dashboard_plan).files }}"
"""

RETURN = r"""
_value:
  description: C(files), C(prune) and C(units), as M(slipway.flask.files) takes them.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_dashboard_plan": plan}
