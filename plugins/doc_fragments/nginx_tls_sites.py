# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters of the filters of the role nginx_tls."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  _input:
    description: The sites, as C(nginx_tls_sites) has them.
    type: list
    elements: dict
    required: true
"""

    ACME = r"""
options:
  settings:
    description: The role's variables C(nginx_tls_acme_*) without their prefix.
    type: dict
    required: true
"""

    DEFAULTS = r"""
options:
  defaults:
    description:
      - Values for sites that don't say - C(body_size_mb), C(header_kb), C(timeout_seconds), C(headers), C(hsts_seconds),
        C(hsts_preload) - and C(http3).
    type: dict
    required: true
"""

    PEM = r"""
options:
  pem:
    description: Contents of the provided certificates and keys by file name.
    type: dict
    required: true
"""
