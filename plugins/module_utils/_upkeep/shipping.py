# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Do the host's logs reach who they are sent to (role host_logs)? The receiver is called as rsyslogd calls it, and sent nothing.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

SETTINGS = Path("/etc/slipway/logs.json")
"""Where the logs go, and by which certificates; it holds no secret."""
SERVICE, USER = "slipway-logs.service", "slipway-logs"
FOLDER, STATE = Path("/etc/slipway-logs"), Path("/var/lib/slipway-logs")
SECONDS = 5
REFUSAL_SECONDS = 0.5
"""With TLS 1.3 a certificate of ours that is not taken is told after the handshake; who takes it says nothing."""


def problem() -> str:
    """Return why logs that should be shipped are not, "" when they are or need not be."""
    try:
        told = json.loads(SETTINGS.read_text())
    except (OSError, ValueError):
        return ""
    if not systemd.is_active(SERVICE):
        return f"the host's logs are not shipped: {SERVICE} is not running: see `journalctl -u {SERVICE}` on the host"
    why = refusal(told)
    if not why:
        return ""
    waiting = f"they wait on the host ({waiting_mb(STATE)} of {told['queue_mb']} MB)"
    return f"the host's logs are not shipped to {told['host']}:{told['port']}: {why}; {waiting}"


def refusal(told: Mapping[str, Any]) -> str:
    """Return why no connection to the receiver that is TOLD of comes about, "" when one does."""
    try:
        tls = ssl.create_default_context(cafile=told["ca"])
        if told["certificate"]:
            tls.load_cert_chain(told["certificate"], told["key"])
        with (
            socket.create_connection((told["host"], told["port"]), SECONDS) as plain,
            tls.wrap_socket(plain, server_hostname=told["name"]) as secured,
        ):
            secured.settimeout(REFUSAL_SECONDS)
            with suppress(TimeoutError):
                secured.recv(1)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not accepted: {error.verify_message}"
    except ssl.SSLError as error:
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def waiting_mb(folder: Path) -> int:
    """Return how much of the queue in FOLDER is used, in MiB, rounded up."""
    try:
        return -(-sum(path.stat().st_size for path in folder.glob("waiting.*")) // 2**20)
    except OSError:
        return 0
