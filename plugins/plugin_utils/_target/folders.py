# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folders of an app that hold its data, by the names that people know them by.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd


def of(app: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> path on the host: its shared folders by name, its writable paths by path; none that is in another one."""
    found = {
        str(name).strip("/"): f"{systemd.root(app)}/shared/{str(name).strip('/')}" for name in app["shared_folders"]
    }
    found |= {str(path).rstrip("/"): str(path).rstrip("/") for path in app["writable_paths"]}
    plain = {name: os.path.normpath(path) for name, path in found.items()}
    return {
        name: path
        for name, path in plain.items()
        if not any(other != path and path.startswith(f"{other}/") for other in plain.values())
    }


def file_name(name: str) -> str:
    """Return a folder's NAME as part of a file's."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.") or "folder"
