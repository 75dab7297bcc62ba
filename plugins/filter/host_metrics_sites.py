# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.host_metrics_sites."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_metrics_sites
short_description: Returns the site from which an external Prometheus scrapes a host
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - Returns at most one site, and none without a domain.
options:
  _input:
    description: C(host_metrics_scrape).
    type: dict
    required: true
  mode:
    description: C(host_metrics_mode).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show where an external Prometheus can scrape
  ansible.builtin.debug:
    msg: "{{ {'domain': 'metrics.example.org'} | slipway.flask.host_metrics_sites('scrape') }}"
"""

RETURN = r"""
_value:
  description: Entries of C(nginx_tls_sites).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._metrics.site import sites


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_metrics_sites": sites}
