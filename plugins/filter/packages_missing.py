# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.packages_missing."""

from __future__ import annotations

DOCUMENTATION = r"""
name: packages_missing
short_description: Returns the packages that a host lacks
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Takes names in the format of M(slipway.flask.packages), including V(one | another).
options:
  _input:
    description: The packages to install.
    type: list
    elements: str
    required: true
  installed:
    description: >-
      Names of the packages that the host has, separated by spaces, as returned by M(slipway.flask.preflight).
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
  description: The missing packages.
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
