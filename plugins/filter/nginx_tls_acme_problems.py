# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_acme_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_acme_problems
short_description: What is wrong with the variables for certificates by ACME
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.nginx_tls_sites
  - slipway.flask.nginx_tls_sites.acme
description: Finds every mistake at once, without touching a host or an authority. No secret shows in a message.
options:
  certbot:
    description: Version of certbot that the host's distribution has.
    type: str
    required: true
  system:
    description: Name of that distribution.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse sites with mistakes
  ansible.builtin.assert:
    that: problems == []
  vars:
    problems: "{{ nginx_tls_sites | slipway.flask.nginx_tls_acme_problems(settings, '2.1', 'Debian 12') }}"
"""

RETURN = r"""
_value:
  description: One sentence a mistake, [] when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._certificates.setup import Variables, problems


def nginx_tls_acme_problems(sites: list[Variables], settings: Variables, certbot: str, system: str) -> list[str]:
    """Return one sentence a mistake in SETTINGS."""
    return list(problems(sites, settings, certbot, system))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_acme_problems": nginx_tls_acme_problems}
