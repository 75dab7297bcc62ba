# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether a server on loopback answers HTTP yet, so that its unit counts as started only then.

One that has not come so far ends by the signal that has it read its configuration again.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import time

WAIT_SECONDS = 75.0
"""Less than systemd waits for the start of a unit (90 s)."""
PAUSE_SECONDS = 0.1


def wait(address: str, seconds: float = WAIT_SECONDS) -> bool:
    """Wait until the server at an ADDRESS such as 127.0.0.1:9090 answers, with whatever status; tell whether it does."""
    until = time.monotonic() + seconds
    while not answers(address):
        if time.monotonic() >= until:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def answers(address: str) -> bool:
    """Tell whether the server at ADDRESS answers now."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
