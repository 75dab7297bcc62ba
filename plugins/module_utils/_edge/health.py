# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Asking a host whether an app is well, in the same way as HAProxy does.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import Any

SECONDS = 10
"""How long the host may take; HAProxy itself waits two seconds, and asks again."""


def problem(host: Mapping[str, Any], check: Mapping[str, Any], authorities: str, seconds: float = SECONDS) -> str:
    """Return what is wrong with the answer of HOST (`address`, `port`, `certificate`) to CHECK, "" when it is well.

    AUTHORITIES is a file of which one must have signed the host's certificate.
    """
    path = str(check.get("path", "/"))
    try:
        context = ssl.create_default_context(cafile=authorities)
        with (
            socket.create_connection((host["address"], int(host.get("port", 443))), seconds) as plain,
            context.wrap_socket(plain, server_hostname=host["certificate"]) as wire,
        ):
            wire.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {check['host']}\r\nUser-Agent: slipway-edge\r\n"
                "X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n".encode()
            )
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            status = answer.status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer at {path} ({getattr(error, 'strerror', None) or error})"
    wanted = [int(code) for code in check.get("status", [200])]
    return "" if status in wanted else f"answers {status} at {path} instead of {' or '.join(map(str, wanted))}"
