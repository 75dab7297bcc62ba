# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An entry of one's own in the host's journal (systemd.journal-fields(7)).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import socket
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")


def send(values: dict[str, str]) -> None:
    """Write VALUES to the journal; where there is none, nothing happens."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.sendto(datagram(values), str(SOCKET))
    except OSError:
        pass


def datagram(values: dict[str, str]) -> bytes:
    """Return VALUES as journald takes them; a line break in a value would begin a field of its own."""
    return "".join(f"{name}={' '.join(value.split())}\n" for name, value in values.items()).encode()
