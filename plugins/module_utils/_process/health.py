# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The health request, asked on a release's own socket: nobody else can reach a release that does not serve yet.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http

STATUS_SECONDS = 10
"""How long an answer may take when somebody asks how the app is."""


def headers(health: Health) -> dict[str, str]:
    """Return what the request says of the visitor, as if it had come through nginx."""
    return {"Host": health.host or "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}


def unhealthy(socket: Path, health: Health, seconds: float = 10) -> str:
    """Ask at SOCKET for every path, with SECONDS for each; return what is wrong, "" for nothing."""

    def ask(path: str) -> tuple[int, str]:
        return host_http.ask(host_http.SocketConnection(str(socket), seconds), path, headers(health))

    return app_health.wrong(health, ask)


def answer(socket: Path, health: Health) -> dict[str, Any]:
    """Return what is answered at SOCKET, asked as at the gate of a deploy, and in how many milliseconds.

    Of several health paths it is the first that answers otherwise than it must, or else the last.
    """
    found: dict[str, Any] = {}
    for path in health.path:
        started = time.monotonic()
        try:
            status, _ = host_http.ask(host_http.SocketConnection(str(socket), STATUS_SECONDS), path, headers(health))
        except (OSError, http.client.HTTPException) as error:
            said = f"did not answer ({error or type(error).__name__})"
            return {"path": path, "status": None, "milliseconds": None, "said": said}
        milliseconds = round((time.monotonic() - started) * 1000)
        found = {"path": path, "status": status, "milliseconds": milliseconds, "said": f"answered {status}"}
        if status not in health.status:
            break
    return found
