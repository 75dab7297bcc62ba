# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The parameter of the modules that an action plugin runs on the host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
notes:
  - Not to be called from a playbook; what it takes and answers may change with every version.
options:
  task:
    description: What the action plugin asks, as JSON. It is written into no log.
    type: str
    required: true
"""
