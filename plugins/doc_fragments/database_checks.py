# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Options of the modules that try connections to databases."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  connections:
    description: The connections, without their URLs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the connection, and its key in O(urls).
        type: str
        required: true
      user:
        description: System user that connects. Empty means the user that the module runs as.
        type: str
        default: ""
      ca:
        description: CA file on the host, used if the URL doesn't specify one (C(sslrootcert) or C(ssl_ca)).
        type: str
        default: ""
  urls:
    description: The URL of each connection, in the format of its driver or of SQLAlchemy.
    type: dict
    required: true
  timeout_seconds:
    description: Seconds to wait for the server.
    type: int
    default: 5
"""
