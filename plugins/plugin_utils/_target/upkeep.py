# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of an app must answer after a reboot, as the role host_upkeep takes it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd


def site(app: Mapping[str, Any]) -> dict[str, str]:
    """Return the app's entry: what a visitor asks for."""
    return {
        "name": app["name"],
        "domain": app["domains"][0],
        "path": app["health_path"][0],
        "root": systemd.places(app)["root"],
    }
