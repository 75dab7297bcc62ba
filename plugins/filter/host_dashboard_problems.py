# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_dashboard_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_dashboard_problems
short_description: Checks the variables of the role host_dashboard
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none. Sentences never contain passwords.
options:
  _input:
    description: The settings, in the format of C(slipway_dashboard).
    type: dict
    required: true
  mode:
    description: Value of C(slipway_metrics).
    type: str
    default: local
  apps:
    description: The apps of the host, with C(name), C(domains) and C(redirect_domains).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Reject invalid dashboard settings
  ansible.builtin.assert:
    that: (slipway_dashboard | slipway.flask.host_dashboard_problems) == []
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import description


def host_dashboard_problems(settings: Any, mode: str = "local", apps: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Return what is wrong with SETTINGS; nothing is wrong with none."""
    return description.problems(settings, mode, apps) if settings else []


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_dashboard_problems": host_dashboard_problems}
