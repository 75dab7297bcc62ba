# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.gunicorn_systemd_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gunicorn_systemd_plan
short_description: Returns what the role gunicorn_systemd does for a list of services
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Fills in defaults, checks the services, and lists what each step of the role has to do for all of them, so that each
    step is a single module call.
  - Problems never contain the values of secrets or environment variables.
options:
  _input:
    description: The services, in the format of C(gunicorn_systemd_services).
    type: list
    elements: dict
    required: true
  variables:
    description: The role's variables by their full names; they apply to services that don't set the key themselves.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the units
  slipway.flask.files:
    files: "{{ (services | slipway.flask.gunicorn_systemd_plan(variables)).files }}"
"""

RETURN = r"""
_value:
  description:
    - V(problems), one sentence each. If there are none, also V(users) for M(slipway.flask.service_users), V(files) and
      V(environments) (which contain secrets) and V(prune) for M(slipway.flask.files), and V(instances) for
      M(slipway.flask.systemd_instance).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gunicorn_systemd_plan": plan}
