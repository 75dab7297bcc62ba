# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters that the modules of releases share.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

HEALTH: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "path": {"type": "str", "default": "/"},
        "status": {"type": "int", "default": 200},
        "host": {"type": "str", "default": ""},
        "timeout_seconds": {"type": "int", "default": 60},
    },
}
VERIFY: dict[str, Any] = {
    "type": "dict",
    "apply_defaults": True,
    "options": {
        "domain": {"type": "str", "default": ""},
        "address": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int", "default": 443},
    },
}
