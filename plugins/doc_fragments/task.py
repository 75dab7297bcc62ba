# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the modules that an action plugin runs on the host have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
description:
  - Runs on the host what the action plugin with the same name, without C(_on_host), requests.
notes:
  - Internal. Don't call it from a playbook; its parameters and results may change with every version.
options:
  task:
    description: Request of the action plugin, as JSON. It is never logged.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing.
"""
