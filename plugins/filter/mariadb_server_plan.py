# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.mariadb_server_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mariadb_server_plan
short_description: Splits connections to MySQL and MariaDB into checks, secret URLs and CA files
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - M(slipway.flask.mysql_check) takes the checks and, separately, the secret URLs; M(slipway.flask.files) takes the CA
    files.
  - The connections must have passed P(slipway.flask.mariadb_server_problems#filter).
options:
  _input:
    description: The connections, in the format of C(mariadb_server_connections).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Check the connections
  slipway.flask.mysql_check:
    connections: "{{ (connections | slipway.flask.mariadb_server_plan).checks }}"
    urls: "{{ (connections | slipway.flask.mariadb_server_plan).urls }}"
"""

RETURN = r"""
_value:
  description: C(checks) (name, user, ca), C(urls) (by name) and C(files) (dest and src or content).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._connection.mysql import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mariadb_server_plan": plan}
