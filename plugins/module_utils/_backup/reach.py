# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether a target's server takes connections.

restic goes on trying for a quarter of an hour, and pgBackRest for a minute a file: a server that is down is found out before.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import socket

from ansible_collections.slipway.flask.plugins.module_utils._backup import outside
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Target

SECONDS = 10
HTTPS = 443


def address(target: Target) -> tuple[str, int] | None:
    """Return the host and port of a target's server, None for a folder."""
    if target.kind == "sftp":
        return target.host, target.port
    if target.kind == "s3":
        host, _, port = target.endpoint.partition(":")
        name = f"{target.bucket}.{host}" if target.addressing == "virtual" else host
        return name, int(port or HTTPS)
    return None


def why_not(target: Target) -> str:
    """Return why a target's server takes no connection, "" when it does."""
    found = address(target)
    if found is None:
        return ""
    said: str = outside.call(connect, *found)
    return said


def connect(host: str, port: int) -> str:
    """Return why HOST takes no connection at PORT, "" when it does."""
    try:
        with socket.create_connection((host, port), SECONDS):
            return ""
    except OSError as error:
        return f"unable to connect to {host}:{port}: {error.strerror or error}"
