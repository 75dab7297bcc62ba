# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app has that can be lost, as the role backups takes it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._service import mariadb
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd


def data(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's entry: its database, and the folders that outlive a release."""
    places = systemd.places(app)
    if not app.get("runs", True):  # a database host: the rest of the app is saved where it runs
        app, places = {**app, "shared_folders": [], "writable_paths": []}, {**places, "root": "", "settings": ""}
    shared = [f"{places['root']}/shared"] if app["shared_folders"] else []
    return {
        "name": app["name"],
        "user": app["name"],
        "database": app["name"] if app["database"] == "local" else "",
        "mariadb": app["name"] if app["database"] == mariadb.LOCAL else "",
        "elsewhere": app["database"] == "url" and not app.get("database_host"),
        "folders": [*shared, *app["writable_paths"]],
        "root": places["root"],
        "settings": places["settings"],
        "variable": app["database_variable"],
    }
