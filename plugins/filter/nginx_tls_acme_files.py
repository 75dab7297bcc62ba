# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_acme_files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_acme_files
short_description: What the renewal of certificates by ACME is on a host
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.nginx_tls_sites
  - slipway.flask.nginx_tls_sites.acme
description: Makes the entries of M(slipway.flask.files) for the sites whose certificates come from an ACME authority.
"""

EXAMPLES = r"""
- name: Write the renewal
  slipway.flask.files:
    files: "{{ nginx_tls_sites | slipway.flask.nginx_tls_acme_files(settings=settings) }}"
"""

RETURN = r"""
_value:
  description: Entries with C(dest), and what it is to be; all absent when no site needs them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._certificates.setup import Variables, files


def nginx_tls_acme_files(sites: list[Variables], settings: Variables) -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.files for SITES."""
    return files(sites, settings)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_acme_files": nginx_tls_acme_files}
