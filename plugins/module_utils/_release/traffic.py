# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release that move traffic: start, gate, switch, verify, watch, drain. A rollback is made of the same.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, links, systemd
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._nginx import takeover
from ansible_collections.slipway.flask.plugins.module_utils._python import hints
from ansible_collections.slipway.flask.plugins.module_utils._release import drain as release_drain
from ansible_collections.slipway.flask.plugins.module_utils._release import handover
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.watch import Watch, last_words, unhealthy
from ansible_collections.slipway.flask.plugins.module_utils._release.web_access import WebAccess

POLL_SECONDS = 0.1
LOOK_SECONDS = 0.02
LEAVE_SECONDS = 1.0
"""How long a run waits for the last answers of the old release: a request that was under way at the switch leaves its
connection to nginx, which may give it one more. After that only streams and the like are left, which nobody has to wait for.
"""
READY_IN_A_ROW = 8
"""Good answers in a row that make a release ready: one worker may be ready and the next not."""
KEPT_SECONDS = 0.1
"""For so long after a switch, nginx may use a connection to the old release once more (nginx_tls: keepalive_timeout)."""
FALLS = 2
"""How often a release may fall back from ready to not ready; one that goes on so is never ready."""


class Traffic:
    """Brings visitors to one release that is ready to start, and from it back to another."""

    def __init__(self, context: Context) -> None:
        self.context, self.request, self.paths = context, context.request, context.paths
        self.switched = False

    def start(self) -> None:
        """Start the release with a unit of its own, which no later change of the template touches.

        systemd reads the new file by itself, for it has not met that name yet: no reload of all units is needed.
        """
        own, web = systemd.unit_file(self.paths.app, self.context.record.id), WebAccess(self.context)
        web.open(self.context.record.id)
        before = own.read_text() if own.exists() else ""
        text = web.unit(before or systemd.unit_file(self.paths.app).read_text())
        if text != before:
            self.context.write(own, text, 0, 0, 0o644)
            if before:  # systemd has met it
                systemd.systemctl("daemon-reload")
        if handover.stops_first(self.paths.app, self.context.record.id):
            self._take_over()
            return
        try:
            systemd.start(self.context.unit)
        except systemd.HostError as error:
            raise ReleaseError(environment_file.masked(str(error), self.context.environment_file)) from error

    def _take_over(self) -> None:
        """Have the release that serves end and this one start: visitors wait in between, and nobody runs beside it."""
        old, new = self.paths.current_id(), self.context.record.id
        systemd.set_enabled(self.paths.app, new, True)  # both may be: only the one that `current` names starts
        if old and old != new:
            links.replace_link(self.paths.previous, f"releases/{old}")
        told = self._hand_over(old if old != new else "", new)
        self.switched = told.good
        if told.good:
            if old:
                self.context.notes.append(
                    f"requests waited {told.seconds:.1f} s while {old} ended and this release started (handover: stop_first)"
                )
            return
        if not old:
            self.paths.current.unlink(missing_ok=True)
        last = environment_file.masked(last_words(self.context.unit), self.context.environment_file)
        serves = (
            f"{old} serves again" if told.back else "nothing serves" if not old else f"{old} could not be started again"
        )
        raise ReleaseError(
            f"{self.context.unit} did not start; {serves}, requests waited {told.seconds:.1f} s. "
            f"The end of its journal:\n{last}"
        )

    def _hand_over(self, old: str, new: str, back: bool = True) -> handover.Told:
        return handover.hand_over(self.paths, old, new, self.request.drain_seconds, KEPT_SECONDS, back)

    def gate(self) -> None:
        """Wait until the release answers on its own socket as it should. Nobody else can reach it yet."""
        self._ready(lambda: unhealthy(self.context), self.context.unit)

    def _ready(self, wrong: Callable[[], str], unit: str) -> None:
        """Ask WRONG until it has nothing to say; raise ReleaseError when time is up or the unit has died."""
        health = self.request.health
        must = app_health.wanted(health)
        deadline, good, falls = time.monotonic() + health.timeout_seconds, 0, 0
        while good < READY_IN_A_ROW:
            before, said = good, wrong()
            good = 0 if said else good + 1
            if said:
                falls += before > 0
                when = f"within {health.timeout_seconds} s" if falls <= FALLS else f"after {must}, again and again"
                alive = systemd.is_active(unit)
                if falls > FALLS or time.monotonic() > deadline or not alive:
                    when = when if alive else "and its service ended"
                    last = environment_file.masked(last_words(unit), self.context.environment_file)
                    why = hints.of_page(last)
                    raise ReleaseError(f"{said} {when}; it must answer {must}. {why}The end of the journal:\n{last}")
                time.sleep(POLL_SECONDS)

    def switch(self) -> None:
        """Point `current` at the release, in one step; it also starts at boot from here on.

        `previous` comes first: pages that the old release has sent must find its static files at every instant.
        """
        systemd.set_enabled(self.paths.app, self.context.record.id, True)
        old, web = self.paths.current_id(), WebAccess(self.context)
        if old and old != self.context.record.id:
            if web.in_group():  # made before the web server had a way of its own
                web.open(old)
            links.replace_link(self.paths.previous, f"releases/{old}")
        self.switched = True
        links.replace_link(self.paths.current, f"releases/{self.context.record.id}")
        if takeover.is_due(self.paths.app):
            kept = takeover.take_over(self.paths.app)
            self.context.notes += [
                f"nginx serves the app's domains from here on; {path} was put aside" for path in kept
            ]

    def verify(self) -> None:
        """Ask the site as a visitor does, through nginx and TLS."""
        site, health = self.request.verify, self.request.health
        if not site.domain:
            return
        time.sleep(KEPT_SECONDS)
        connection = host_http.LocalTLSConnection(site.domain, site.address, site.port, health.timeout_seconds)
        path = health.path[0]
        try:
            status, _ = host_http.ask(connection, path, {"Host": health.host or site.domain})
        except (OSError, http.client.HTTPException) as error:
            raise ReleaseError(f"https://{site.domain}{path} gave no answer through nginx: {error}") from error
        if status not in health.status:
            raise ReleaseError(
                f"https://{site.domain}{path} answered {status} through nginx, not {app_health.wanted(health)}"
            )

    def watch(self) -> None:
        """Look at what visitors get from the release while the one before could still take over."""
        previous = self.context.record.previous
        if self.request.watch_seconds and previous and previous != self.context.record.id:
            Watch(self.context, previous).run(self.request.watch_seconds)

    def look_back(self) -> None:
        """Judge a release that has been serving without a watch by its log."""
        previous = self.context.record.previous
        if self.request.watch_seconds and previous:
            Watch(self.context, previous).look_back()

    def switch_back(self) -> None:
        """Point `current` at the release before again, if it was pointed away; it points nowhere if there was none."""
        if not self.switched:
            return
        previous = self.context.record.previous
        if previous and handover.stops_first(self.paths.app, self.context.record.id):
            if not self._hand_over(self.context.record.id, previous, back=False).good:
                self.context.notes.append(
                    f"{previous} could not be started again: journalctl -u {self.paths.unit(previous)} has the reason"
                )
        elif previous:
            links.replace_link(self.paths.current, f"releases/{previous}")
            self._let_finish(self.context.record.id)
        else:
            self.paths.current.unlink(missing_ok=True)
            takeover.give_back(self.paths.app)

    def drain(self) -> None:
        """Let the old release take in all who wait at its socket, and have it end by itself once they are served."""
        previous = self.context.record.previous
        if not previous or previous == self.context.record.id:
            return
        socket = self.paths.socket(previous)
        if socket == self.context.socket:
            release_drain.retire(self.paths, previous)
            return
        self._let_finish(previous)
        release_drain.retire(self.paths, previous)
        for _ in range(round(LEAVE_SECONDS / LOOK_SECONDS)):
            if not host_http.connected(socket):
                break
            time.sleep(LOOK_SECONDS)

    def _let_finish(self, release: str) -> None:
        """Wait until RELEASE, to which nobody is led any more, has taken in all who wait at its socket."""
        socket = self.paths.socket(release)
        deadline = time.monotonic() + self.request.drain_seconds
        while host_http.backlog(socket) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
