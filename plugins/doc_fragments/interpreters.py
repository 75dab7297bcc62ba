# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters of modules that run uv: where it gets Python interpreters and packages from."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  python_downloads:
    description: Whether uv may download Python interpreters.
    type: bool
    default: true
  python_mirror:
    description: URL to download them from, instead of python-build-standalone. May contain a user and password.
    type: str
    default: ""
  python_list_url:
    description: URL of a list of interpreters with their hashes, instead of the one built into uv.
    type: str
    default: ""
  ca_bundle:
    description: File of certificate authorities to trust, if it exists.
    type: path
    default: /etc/ssl/certs/ca-certificates.crt
  index_url:
    description: Package index instead of the host's own setting. May contain a user and password.
    type: str
    default: ""
  extra_index_urls:
    description: Additional package indexes. May contain users and passwords.
    type: list
    elements: str
    default: []
"""
