# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The input of the filters of the role postgres_client."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  _input:
    description: The connections, in the format of C(postgres_client_connections).
    type: list
    elements: dict
    required: true
"""
