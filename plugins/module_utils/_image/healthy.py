# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`slipway-health` in a container of an app's image: each health path answers as it must, asked as the proxy would ask.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health, wrong
from ansible_collections.slipway.flask.plugins.module_utils._image import entry, places

SECONDS = 5
"""How long one answer may take."""
MOST = 1 << 16
"""Octets of an answer that are read."""


def unhealthy(app: Mapping[str, Any], port: int, seconds: float = SECONDS) -> str:
    """Ask the APP at PORT of this container; return what is wrong, "" for nothing."""
    asked: Mapping[str, Any] = app["health"]
    health = Health(tuple(asked["path"]), tuple(asked["status"]), str(asked["host"]))
    headers = {"Host": health.host or "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}

    def ask(path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MOST).decode(errors="replace")
        finally:
            connection.close()

    return wrong(health, ask)


def main() -> None:
    """Exit with 0 if the app is healthy, else with 1 and a line that says why."""
    told = unhealthy(entry.described(), int(os.environ.get("PORT") or places.PORT))
    if told:
        print(told, file=sys.stderr)
    sys.exit(bool(told))
