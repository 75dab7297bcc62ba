# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Visitors on the host itself that POST without a pause, over connections that stay open.

Run there by itself (`python3 - DOMAIN FILE`), it goes on until FILE is gone, and until LEAST requests were answered, however
slow the machine is, and prints what was met, as JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
from typing import Any

VISITORS = 6
LEAST = 1500
REQUESTS = 2000
"""Of one connection: nginx closes it after 10,000 (keepalive_requests)."""


class Connection(http.client.HTTPSConnection):
    """One to this host's own nginx, which is asked for a domain that no DNS has."""

    def connect(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 443)), server_hostname=self.host)


def goes_on(file: str, met: dict[str, Any]) -> bool:
    """Tell whether there is more to ask; after a failure there is nothing to wait for."""
    return os.path.exists(file) or (not met["failures"] and len(met["statuses"]) < LEAST)


def visit(domain: str, file: str, met: dict[str, Any]) -> None:
    while goes_on(file, met):
        connection = Connection(domain, timeout=20)
        try:
            for _ in range(REQUESTS):
                if not goes_on(file, met):
                    break
                began = time.monotonic()
                connection.request("POST", "/healthz", body=b"x=1")
                answer = connection.getresponse()
                answer.read()
                met["statuses"].append(answer.status)
                release = answer.headers.get("X-Release", "")
                met["releases"].setdefault(release, []).append((began, time.monotonic()))
        except (OSError, http.client.HTTPException) as error:
            met["failures"].append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


def main(domain: str, file: str) -> None:
    met: dict[str, Any] = {"statuses": [], "failures": [], "releases": {}}
    visitors = [threading.Thread(target=visit, args=(domain, file, met)) for _ in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    met["statuses"] = {status: met["statuses"].count(status) for status in set(met["statuses"])}
    print(json.dumps(met))


if __name__ == "__main__":
    main(*sys.argv[1:])
