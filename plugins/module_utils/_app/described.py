# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an action plugin tells its half on the host of one app (plugin_utils/_target/systemd.py, `described`).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

PLACES: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "settings": {"type": "path", "required": True},
}
"""The argument spec of where an app is."""
DESCRIBED: dict[str, Any] = {
    **PLACES,
    "health": {
        "type": "dict",
        "required": True,
        "options": {
            "path": {"type": "list", "elements": "str"},
            "status": {"type": "list", "elements": "int"},
            "host": {"type": "str"},
        },
    },
}
"""The argument spec: where the app is, and when it is healthy."""
