# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of an app is measured, as the role host_metrics takes it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._redis import names
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import limits
from ansible_collections.slipway.flask.plugins.plugin_utils._service import redis
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd


def app(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's entry: its places, what a visitor asks for, and its servers on the host. It has no secret."""
    places = systemd.places(app)
    return {
        "name": app["name"],
        "root": places["root"],
        "settings": places["settings"],
        "domains": list(app["domains"]) if systemd.serves(app) else [],
        "database": app["name"] if app["database"] == "local" else "",
        "mariadb": app["name"] if app["database"] == "mariadb" else "",
        "redis": {one["purpose"]: names.socket(one["name"]) for one in redis.instances(app)},
        "metrics_path": app["metrics_path"],
        "streaming": [f"^{limits.pattern(path)}" for path in app["streaming"]],
    }
