# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.backups_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: backups_problems
short_description: Checks the variables of the role backups
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Returns one sentence per problem, and an empty list if there is none. Sentences never contain secrets.

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
  system:
    description: The host's distribution and version, V([Debian, "13"]) for example.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Reject invalid targets
  ansible.builtin.assert:
    that: "(slipway_backups | slipway.flask.backups_problems([], ['Debian', '13'])) == []"
"""

RETURN = r"""
_value:
  description: The problems.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._backup import description


def backups_problems(settings: Any, apps: Sequence[Mapping[str, Any]], system: Sequence[Any]) -> list[str]:
    """Return what is wrong with SETTINGS, or what a host's SYSTEM can't do of them; nothing is wrong with none."""
    if not settings:
        return []
    name, version = (str(part) for part in system)
    return description.problems(settings) or description.refusals(settings, apps, (name, version))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"backups_problems": backups_problems}
