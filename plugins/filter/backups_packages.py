# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.backups_packages."""

from __future__ import annotations

DOCUMENTATION = r"""
name: backups_packages
short_description: Returns the APT packages that backups need
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Includes pgBackRest only if an app has a database in the local cluster. Returns an empty list without settings.

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
"""

EXAMPLES = r"""
- name: Show what will be installed
  ansible.builtin.debug:
    msg: "{{ backups_settings | slipway.flask.backups_packages(backups_apps) }}"
"""

RETURN = r"""
_value:
  description: The packages.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._backup import setup


def backups_packages(settings: Any, apps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the APT packages that backups of APPS need; none without SETTINGS."""
    return setup.packages(apps, bool(settings))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"backups_packages": backups_packages}
