# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release that move traffic: start, gate, switch, verify, drain. A rollback is made of the same.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

from ansible_collections.slipway.flask.plugins.module_utils import _host
from ansible_collections.slipway.flask.plugins.module_utils._release import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release_context import Context

POLL_SECONDS = 0.1
READY_IN_A_ROW = 2
"""Good answers in a row that make a release ready: the first one may be a worker's only one."""


class Traffic:
    """Brings visitors to one release that is ready to start, and from it back to another."""

    def __init__(self, context: Context) -> None:
        self.context, self.settings, self.paths = context, context.settings, context.paths
        self.switched = False

    def start(self) -> None:
        try:
            _host.start(self.context.unit)
        except _host.HostError as error:
            raise ReleaseError(_host.masked(str(error), self.context.environment_file)) from error

    def gate(self) -> None:
        """Wait until the release answers on its own socket as it should. Nobody else can reach it yet."""
        unit, health = self.context.unit, self.settings["health"]
        socket = str(self.paths.runtime(self.context.record.id) / "gunicorn.sock")
        headers = {"Host": health["host"] or "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
        self._ready(lambda: _host.ask(_host.SocketConnection(socket, 10), health["path"], headers), unit)

    def _ready(self, request: Callable[[], tuple[int, str]], unit: str) -> None:
        """Repeat a request until it is answered well; raise ReleaseError when time is up or the unit has died."""
        health = self.settings["health"]
        deadline, good, said = time.monotonic() + health["timeout_seconds"], 0, "gave no answer"
        while good < READY_IN_A_ROW:
            try:
                status, _ = request()
                good = good + 1 if status == health["status"] else 0
                said = f"answered {status}"
            except (OSError, http.client.HTTPException) as error:
                good, said = 0, f"gave no answer ({error or type(error).__name__})"
            if good == 0:
                if time.monotonic() > deadline or not _host.is_active(unit):
                    last = _host.masked(_host.journal(unit), self.context.environment_file)
                    raise ReleaseError(
                        f"{health['path']} {said} within {health['timeout_seconds']} s; it must answer {health['status']}. "
                        f"The end of the journal:\n{last}"
                    )
                time.sleep(POLL_SECONDS)

    def switch(self) -> None:
        """Point `current` at the release, in one step; it also starts at boot from here on.

        `previous` comes first: pages that the old release has sent must find its static files at every instant.
        """
        _host.set_enabled(self.paths.app, self.context.record.id, True)
        old = self.paths.current_id()
        if old and old != self.context.record.id:
            _host.replace_link(self.paths.previous, f"releases/{old}")
        self.switched = True
        _host.replace_link(self.paths.current, f"releases/{self.context.record.id}")

    def verify(self) -> None:
        """Ask the site as a visitor does, through nginx and TLS."""
        site, health = self.settings["verify"], self.settings["health"]
        if not site["domain"]:
            return
        connection = _host.LocalTLSConnection(site["domain"], site["address"], site["port"], health["timeout_seconds"])
        try:
            status, _ = _host.ask(connection, health["path"], {"Host": health["host"] or site["domain"]})
        except (OSError, http.client.HTTPException) as error:
            raise ReleaseError(
                f"https://{site['domain']}{health['path']} gave no answer through nginx: {error}"
            ) from error
        if status != health["status"]:
            raise ReleaseError(
                f"https://{site['domain']}{health['path']} answered {status} through nginx, not {health['status']}"
            )

    def switch_back(self, previous: str) -> None:
        """Point `current` at the release PREVIOUS again, if it was pointed away; "" stands for none."""
        if not self.switched:
            return
        if previous:
            _host.replace_link(self.paths.current, f"releases/{previous}")
        else:
            self.paths.current.unlink(missing_ok=True)

    def drain(self, previous: str) -> None:
        """Let the old release finish what it has begun, then stop it."""
        if not previous or previous == self.context.record.id:
            return
        socket = self.paths.runtime(previous) / "gunicorn.sock"
        deadline = time.monotonic() + self.settings["drain_seconds"]
        while _host.backlog(socket) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        _host.stop(self.paths.unit(previous))
        _host.set_enabled(self.paths.app, previous, False)
