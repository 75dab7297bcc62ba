# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_problems."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_problems
short_description: What is wrong with a list of TLS sites
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.nginx_tls_sites
  - slipway.flask.nginx_tls_sites.defaults
description: Finds every mistake in C(nginx_tls_sites) at once, provided certificates included, without touching a host.
options:
  pem:
    description: Contents of the provided certificates and keys by file name.
    type: dict
    default: {}
  settings:
    description: Values of the variables that hold for all sites; checked when given.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse sites with mistakes
  ansible.builtin.assert:
    that: problems == []
    fail_msg: "{{ problems | join('\n') }}"
  vars:
    problems: "{{ nginx_tls_sites | slipway.flask.nginx_tls_problems(defaults=defaults) }}"
"""

RETURN = r"""
_value:
  description: One sentence a mistake, [] when there is none.
  type: list
  elements: str
"""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.settings import problems as settings_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import Site, problems


def nginx_tls_problems(
    sites: list[Site], defaults: Site, pem: dict[str, str] | None = None, settings: Site | None = None
) -> list[str]:
    """Return one sentence a mistake in SITES, after those of SETTINGS.

    :raises AnsibleFilterError: when SITES is not a list of mappings.
    """
    if not isinstance(sites, list) or not all(isinstance(site, dict) for site in sites):
        raise AnsibleFilterError("slipway.flask.nginx_tls_problems: expects a list of mappings")
    found = settings_problems(settings) if settings else []
    return found + problems(sites, defaults, pem or {}, datetime.now(timezone.utc))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_problems": nginx_tls_problems}
