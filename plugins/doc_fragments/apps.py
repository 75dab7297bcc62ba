# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters of modules that are about the described apps or one of them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action_group:
    description: C(module_defaults) for C(group/slipway.flask.apps) apply to all modules that take O(apps) and O(app).
    support: full
    membership:
      - slipway.flask.apps
options:
  apps:
    description: The apps, as in C(slipway_apps).
    type: list
    elements: dict
    required: true
  app:
    description: Name of a single app; empty means all apps.
    type: str
    default: ""
"""
