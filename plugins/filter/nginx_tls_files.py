# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._nginx_tls import Site, complete
from ansible_collections.slipway.flask.plugins.module_utils._nginx_tls_limits import complete as complete_limits

DOCUMENTATION = r"""
name: nginx_tls_files
short_description: The virtual host files of a list of TLS sites
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Makes one entry for M(slipway.flask.files) of each site; the template gets the site, with all defaults filled in, as C(site).
  - The sites must have passed P(slipway.flask.nginx_tls_problems#filter).
options:
  _input:
    description: The sites, as C(nginx_tls_sites) has them.
    type: list
    elements: dict
    required: true
  defaults:
    description:
      - Values for sites that don't say - C(body_size_mb), C(timeout_seconds), C(headers), C(hsts_seconds),
        C(hsts_preload) - and C(http3).
    type: dict
    required: true
  folder:
    description: Folder of the files on the host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the virtual hosts
  slipway.flask.files:
    files: "{{ nginx_tls_sites | slipway.flask.nginx_tls_files(defaults=defaults, folder='/etc/nginx/slipway/sites') }}"
"""

RETURN = r"""
_value:
  description: Entries with C(src), C(dest) and C(vars).
  type: list
  elements: dict
"""


def nginx_tls_files(sites: list[Site], defaults: Site, folder: str) -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.files for SITES in FOLDER."""
    completed = [{**full, **complete_limits(full)} for full in (complete(site, defaults) for site in sites)]
    return [
        {"src": "site.conf.j2", "dest": f"{folder}/{site['name']}.conf", "vars": {"site": site}} for site in completed
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_files": nginx_tls_files}
