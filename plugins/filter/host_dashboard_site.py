# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_dashboard_site."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_dashboard_site
short_description: Returns the dashboard's entry for C(nginx_tls_sites)
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - The settings must have passed P(slipway.flask.host_dashboard_problems#filter).
  - It contains passwords as hashes, which are the same in every call.
options:
  _input:
    description: The settings, in the format of C(slipway_dashboard).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Serve the dashboard
  ansible.builtin.include_role: {name: slipway.flask.nginx_tls}
  vars:
    nginx_tls_sites: "{{ [slipway_dashboard | slipway.flask.host_dashboard_site] }}"
"""

RETURN = r"""
_value:
  description: A site, in the format of the role nginx_tls.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard.description import site


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_dashboard_site": site}
