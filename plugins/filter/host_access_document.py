# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_access_document."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_access_document
short_description: Completes the settings of a host's accounts, sshd and firewall
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Fills in defaults for M(slipway.flask.host_access). The variables must have passed
    P(slipway.flask.host_access_problems#filter).
options:
  _input:
    description: The role's variables, without the prefix C(host_access_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Give Ann an account
  slipway.flask.host_access:
    document: "{{ {'people': people} | slipway.flask.host_access_document }}"
"""

RETURN = r"""
_value:
  description: The complete settings, by variable.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._access.document import document


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_access_document": document}
