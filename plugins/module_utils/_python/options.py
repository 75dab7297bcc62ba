# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Options of the modules that run uv, as the fragment slipway.flask.interpreters documents them. PRIVATE to the collection."""

from __future__ import annotations

from typing import Any

OPTIONS: dict[str, dict[str, Any]] = {
    "python_downloads": {"type": "bool", "default": True},
    "python_mirror": {"type": "str", "default": "", "no_log": True},
    "python_list_url": {"type": "str", "default": "", "no_log": True},
    "ca_bundle": {"type": "path", "default": "/etc/ssl/certs/ca-certificates.crt"},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
}
"""Where uv gets Python interpreters and packages from. URLs may hold passwords."""
