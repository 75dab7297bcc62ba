# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One question to a server by psql, as the app's user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import as_user
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import DatabaseUrl

QUERY_SECONDS = 10


def environment(url: DatabaseUrl, timeout: int, ca: str = "") -> dict[str, str]:
    """Return psql's whole environment: nothing of the caller's comes through, the password is in no argument.

    :param timeout: seconds for connecting to each address; libpq takes 2 as the least.
    """
    variables = {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",  # explain() reads libpq's English
        "HOME": "/nonexistent",
        "PGPASSFILE": "/nonexistent",
        "PGCONNECT_TIMEOUT": str(max(2, timeout)),
        "PGAPPNAME": "slipway-check",
        **url.environment(),
    }
    if ca:
        variables.setdefault("PGSSLROOTCERT", ca)
    return variables


def patience(url: DatabaseUrl, timeout: int) -> int:
    """Return the seconds after which an answer does not come any more.

    libpq tries each address of each host for PGCONNECT_TIMEOUT; two addresses (IPv6, IPv4) are usual.
    """
    return max(2, timeout) * 2 * len(url.hosts) + QUERY_SECONDS


def put(
    psql: str, url: DatabaseUrl, user: str, timeout: int, query: str, ca: str = ""
) -> subprocess.CompletedProcess[str]:
    """Put QUERY in one transaction as the system user USER ('' is who runs this); return what psql answered.

    What it sets must be SET LOCAL: a pooler would hand the session on to the app.

    :raises PostgresError: when USER doesn't exist. Raises TimeoutExpired after `patience`.
    """
    command = [psql, "-X", "-q", "-A", "-t", "-w", "-1", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    return subprocess.run(
        command, input=query, text=True, errors="replace", capture_output=True, check=False, cwd="/",
        env=environment(url, timeout, ca), timeout=patience(url, timeout), **(as_user(user) if user else {}),
    )  # fmt: skip
