# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filter slipway.flask.nginx_tls_certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_tls_certificates
short_description: The certificates that a list of TLS sites wants
version_added: 0.1.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.nginx_tls_sites
  - slipway.flask.nginx_tls_sites.pem
description: Makes one entry for M(slipway.flask.tls_certificates) of each site.
"""

EXAMPLES = r"""
- name: Bring the certificates to their place
  slipway.flask.tls_certificates:
    certificates: "{{ nginx_tls_sites | slipway.flask.nginx_tls_certificates(pem={}) }}"
"""

RETURN = r"""
_value:
  description: Entries with C(name), C(domains), C(certificate) when it is provided, and C(acme) when an authority gives it.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._nginx.site import Site, as_file


def nginx_tls_certificates(sites: list[Site], pem: dict[str, str]) -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.tls_certificates for SITES."""
    wanted = []
    for site in sites:
        domains = [domain.lower() for domain in [*site["domains"], *site.get("redirect_domains", [])]]
        entry: dict[str, Any] = {"name": site["name"], "domains": domains}
        if site.get("certificate") == "provided":
            entry["certificate"] = as_file(pem[site["certificate_file"]])
        if site.get("certificate") == "acme":
            entry["acme"] = True
        wanted.append(entry)
    return wanted


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_tls_certificates": nginx_tls_certificates}
