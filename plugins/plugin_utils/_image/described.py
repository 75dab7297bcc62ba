# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app's image says of its app (app.json), and what those who run the image must give it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import value_text
from ansible_collections.slipway.flask.plugins.module_utils._image import places
from ansible_collections.slipway.flask.plugins.module_utils._python import driver
from ansible_collections.slipway.flask.plugins.plugin_utils._app.placeholders import FOLDER
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd


def placed(value: object) -> str:
    """Return a VALUE of the app's description as it is in the image: the release's folder and the shared one are elsewhere."""
    return value_text(value).replace(FOLDER, str(places.ROOT))


def environment(app: Mapping[str, Any]) -> dict[str, str]:
    """Return the plain variables that a container of APP, which has all its keys, is to be given; the image has none of them."""
    return {name: placed(value) for name, value in app["environment"].items()}


def secrets(app: Mapping[str, Any]) -> dict[str, str]:
    """Return the secret variables that it is to be given, as they are or each by a file (`NAME_FILE`)."""
    return {name: placed(value) for name, value in systemd.secrets(app).items()}


def files(app: Mapping[str, Any]) -> dict[str, str]:
    """Return the app's `files` by their paths in a container, where they are to be mounted: they may hold secrets."""
    return {f"{places.FILES}/{path}": placed(text) for path, text in app["files"].items()}


def volumes(app: Mapping[str, Any]) -> dict[str, str]:
    """Return where the app's shared folders are in a container, by their names."""
    return {name: f"{places.SHARED}/{name.strip('/')}" for name in app["shared_folders"]}


def document(app: Mapping[str, Any], release: str, revision: str, packages: Mapping[str, str]) -> str:
    """Return app.json for APP, which has all its keys and PACKAGES (name -> version); nothing in it is secret.

    RELEASE is what the image's tag says.
    """
    return json.dumps(description(app, release, revision, packages), indent=1, sort_keys=True) + "\n"


def description(app: Mapping[str, Any], release: str, revision: str, packages: Mapping[str, str]) -> dict[str, Any]:
    """Return what app.json holds."""
    wanted = postgres.wanted_scheme(app)
    return {
        "app": app["name"],
        "wsgi": app["wsgi"],
        "release": release,
        "revision": revision,
        "health": {"path": app["health_path"], "status": app["health_status"], "host": app["health_host"]},
        "processes": {name: _process(entry) for name, entry in app["processes"].items()},
        "release_commands": [
            {"command": placed(one["command"]), "once": bool(one["once"]), "name": str(one.get("name") or "")}
            for one in app["release_commands"]
        ],
        "migrations": {
            "mode": app["migrations"],
            "allow": list(app["migrations_allow"]),
            "lock_timeout_seconds": app["migrations_lock_timeout_seconds"],
            "statement_timeout_seconds": app["migrations_statement_timeout_seconds"],
            "variable": app["database_variable"],
        },
        "database": {
            "variable": app["database_variable"],
            "scheme": driver.scheme(packages, wanted) if wanted in driver.AUTOMATIC else "",
        },
        "shared_folders": [name.strip("/") for name in app["shared_folders"]],
        "check_seconds": app["check_seconds"],
        "writes_at_import": app["writes_at_import"],
    }


def _process(entry: Mapping[str, Any]) -> dict[str, Any]:
    argv: Sequence[str] = app_command.argv(app_command.split(entry["command"]))
    return {
        "argv": [placed(word) for word in argv],
        "environment": {name: placed(value) for name, value in entry["environment"].items()},
    }


def is_judged(app: Mapping[str, Any]) -> bool:
    """Tell whether a program judges the migrations of APP, which the image must have then: squawk, for PostgreSQL."""
    values = [*environment(app).values(), *secrets(app).values()]
    return app["migrations"] != "off" and any(value.startswith("postgres") for value in values)
