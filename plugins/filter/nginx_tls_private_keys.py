# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_private_keys."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_private_keys
short_description: The keys of the provided certificates of a list of TLS sites
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.nginx_tls_sites
  - slipway.flask.nginx_tls_sites.pem
description: Makes the secret half of the arguments of M(slipway.flask.tls_certificates).
"""

EXAMPLES = r"""
- name: Bring the certificates to their place
  slipway.flask.tls_certificates:
    certificates: "{{ nginx_tls_sites | slipway.flask.nginx_tls_certificates(pem=pem) }}"
    private_keys: "{{ nginx_tls_sites | slipway.flask.nginx_tls_private_keys(pem=pem) }}"
"""

RETURN = r"""
_value:
  description: PEM texts by site name.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import Site, as_file


def nginx_tls_private_keys(sites: list[Site], pem: dict[str, str]) -> dict[str, str]:
    """Return the keys of the provided certificates of SITES by site name."""
    return {site["name"]: as_file(pem[site["key_file"]]) for site in sites if site.get("certificate") == "provided"}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_private_keys": nginx_tls_private_keys}
