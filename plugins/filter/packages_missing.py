# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.packages_missing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: packages_missing
short_description: Which packages a host lacks
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - For names as M(slipway.flask.packages) takes them, V(one | another) among them.
options:
  _input:
    description: The packages that are wanted.
    type: list
    elements: str
    required: true
  installed:
    description: The names of those that the host has, with spaces between, as M(slipway.flask.preflight) returns them.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Install what is missing
  slipway.flask.packages:
    name: [nginx]
  when: '["nginx"] | slipway.flask.packages_missing(slipway_preflight.packages) | length > 0'
"""

RETURN = r"""
_value:
  description: Those that are missing.
  type: list
  elements: str
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.packages import lacking


def packages_missing(names: Sequence[str], installed: str) -> list[str]:
    """Return those of NAMES that are not among the names INSTALLED."""
    return lacking([str(name) for name in names], set(installed.split()))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"packages_missing": packages_missing}
