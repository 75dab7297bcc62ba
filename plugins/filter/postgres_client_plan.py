# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.postgres_client_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgres_client_plan
short_description: Splits database connections into checks, secret URLs and CA files
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - M(slipway.flask.postgres_check) takes the checks and, separately, the secret URLs; M(slipway.flask.files) takes the
    CA files.
  - The connections must have passed P(slipway.flask.postgres_client_problems#filter).
extends_documentation_fragment:
  - slipway.flask.connections
"""

EXAMPLES = r"""
- name: Check the connections
  slipway.flask.postgres_check:
    connections: "{{ (connections | slipway.flask.postgres_client_plan).checks }}"
    urls: "{{ (connections | slipway.flask.postgres_client_plan).urls }}"
"""

RETURN = r"""
_value:
  description: C(checks) (name, user, ca), C(urls) (by name) and C(files) (dest and src or content).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._connection.postgres import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"postgres_client_plan": plan}
