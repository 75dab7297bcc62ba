# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters of modules that are about the described apps or one of them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  apps:
    description: The apps, as in C(slipway_apps).
    type: list
    elements: dict
    required: true
  app:
    description: Name of the only app that is meant; empty means all.
    type: str
    default: ""
"""
