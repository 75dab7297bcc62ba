# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters of modules that may have uv fetch a Python interpreter."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  python_downloads:
    description: Whether uv may fetch interpreters.
    type: bool
    default: true
  python_mirror:
    description: URL to fetch them from, in place of python-build-standalone's. May hold a user and password.
    type: str
    default: ""
  python_list_url:
    description: URL of a list of interpreters with their hashes, in place of the one in uv.
    type: str
    default: ""
"""
