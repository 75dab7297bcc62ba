# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.edge_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: edge_plan
short_description: Completes the backends of the role edge for its templates
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Adds default values, the addresses in HAProxy's form and the sizes that follow from the backends.
options:
  _input:
    description: The backends, in the format of C(edge_backends).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the backends
  slipway.flask.files:
    files: [{src: backends.cfg.j2, dest: /etc/slipway/edge/30-backends.cfg}]
  vars:
    plan: "{{ edge_backends | slipway.flask.edge_plan }}"
"""

RETURN = r"""
_value:
  description: C(backends), C(variables) with the state of each host, and C(buffer_bytes).
  type: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._edge import plan


def edge_plan(backends: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return BACKENDS, which have passed `edge_problems`, as the templates read them."""
    return plan.plan(backends)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"edge_plan": edge_plan}
