# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.gunicorn_systemd_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gunicorn_systemd_plan
short_description: What the role gunicorn_systemd does for a list of services
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - Fills in what a service does not say, checks it, and lists for every step of the role what it has to do for all
    services, so that each step is one call of a module.
  - Values of secrets and of the environment are in no problem.
options:
  _input:
    description: The services, as C(gunicorn_systemd_services) has them.
    type: list
    elements: dict
    required: true
  variables:
    description: The role's variables by their full names; they hold for services that don't set the key themselves.
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
    - V(problems), sentences. When there are none, V(users) for M(slipway.flask.service_users), V(files) and
      V(environments) (which hold secrets) and V(prune) for M(slipway.flask.files), and V(instances) for
      M(slipway.flask.systemd_instance).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.plan import plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gunicorn_systemd_plan": plan}
