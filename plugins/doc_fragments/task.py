# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the modules that an action plugin runs on the host have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
description:
  - Does on the host what the action plugin of the module asks of it that has this one's name without C(_on_host).
notes:
  - Not to be called from a playbook; what it takes and answers may change with every version.
options:
  task:
    description: What the action plugin asks, as JSON. It is written into no log.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing then.
"""
