# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The process that answers visitors: gunicorn, at a socket that nginx reaches through `current`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ID, ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import links, unix_sockets
from ansible_collections.slipway.flask.plugins.module_utils._nginx import takeover
from ansible_collections.slipway.flask.plugins.module_utils._process import handover, socket_access
from ansible_collections.slipway.flask.plugins.module_utils._process import health as process_health
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.look.web import WebLook
from ansible_collections.slipway.flask.plugins.module_utils._process.patience import Patience

if TYPE_CHECKING:
    from ansible_collections.slipway.flask.plugins.module_utils._process.watch import Watch

SETTINGS = "gunicorn.conf.py"
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
REFUSED = re.compile(r"answered [34]\d\d$")
"""A page that works, and that not every visitor gets: it wants a login, a parameter or another path."""
NOT_FOR_ALL = "If that page is not for every visitor, set `health_path` to one that is. "


class Web(WebLook, Process):
    """What answers an app's visitors; the one process that `current` is about, and the one that is watched by its log."""

    files = (SETTINGS,)

    @property
    def title(self) -> str:
        return "unit"

    def unit_text(self, text: str) -> str:
        """Return the TEXT with the line that lets the web server connect, if it lacks it."""
        return socket_access.opened(text, self.host.request.web.user, self.app)

    def lets_in(self, user: str, release: str) -> bool:
        """Tell whether the unit of RELEASE has that line."""
        own = self.unit_file(release)
        return own.exists() and socket_access.line(user, self.app) in own.read_text()

    def switches(self, release: str) -> bool:
        """Requests wait at a common socket while one release ends and the next one starts: `current` moves in between."""
        return self.has(release) and self.stops_first(release)

    # ---- before the switch -----------------------------------------------------------------------------------------

    def prepare(self, release: str) -> None:
        """Say where RELEASE will take its requests, and note what tells that it should not run beside another one."""
        run = handover.folder(self.app) if self.stops_first() else self._runtime(release)
        (self.paths.release(release) / "run").symlink_to(run)
        if not self.has(release):
            return
        own = self.paths.settings_of(release) / SETTINGS
        hint = handover.hint(self.unit_file().read_text(), self.host.file_databases(release), own.read_text())
        self.host.notes += [hint] * bool(hint)

    def question(self, release: str) -> dict[str, Any]:
        """Have the settings tell how many workers there would be, and how many requests each of them serves."""
        return {"gunicorn": str(self.paths.settings_of(release) / SETTINGS)} if self.has(release) else {}

    def start(self, release: str) -> None:
        """Start RELEASE, or have it take the place of the one that serves when it must not run beside it."""
        self.write_unit(release)
        if self.switches(release):
            self._take_over(release)
        else:
            super().start(release)

    def _take_over(self, release: str) -> None:
        """Have the live release end and RELEASE start: visitors wait in between, and nobody runs beside it."""
        old = self.paths.current_id()
        self.enable(release)  # both may be: only the one that `current` names starts
        if old and old != release:
            links.replace_link(self.paths.previous, f"releases/{old}")
        told = self._hand_over(old if old != release else "", release)
        if told.good:
            if old:
                self.host.notes.append(
                    f"requests waited {told.seconds:.1f} s while {old} ended and this release started (handover: stop_first)"
                )
            return
        if not old:
            self.paths.current.unlink(missing_ok=True)
        last = self._last_words(release)
        serves = (
            f"{old} is live again"
            if told.back
            else "no release is live"
            if not old
            else f"{old} could not be restarted"
        )
        raise ReleaseError(
            f"{self.unit(release)} did not start; {serves}, requests waited {told.seconds:.1f} s. "
            f"The end of its journal:\n{last}"
        )

    def _hand_over(self, old: str, new: str, back: bool = True) -> handover.Told:
        def described(release: str) -> handover.Release:
            own = "" if self.stops_first(release) else str(self.socket(release))
            return {"id": release, "unit": self.unit(release), "socket": own}

        return handover.hand_over(
            self.app, self.paths.current, described(old) if old else None, described(new),
            self.host.request.drain_seconds, KEPT_SECONDS, back,
        )  # fmt: skip

    def enable(self, release: str) -> None:
        """Have RELEASE start at boot, if it answers visitors here."""
        if self.has(release):
            super().enable(release)

    def gate(self, release: str) -> None:
        """Wait until RELEASE answers on its own socket as it should. Nobody else can reach it yet."""
        if not self.has(release):
            return
        health, good = self.host.request.health, 0
        patience = Patience(health)
        while good < READY_IN_A_ROW:
            before, said = good, process_health.unhealthy(self.socket(release), health)
            good = 0 if said else good + 1
            if said:
                why = patience.enough(said, before > 0)
                if not self.is_active(release):
                    why = f"{said} and its service ended"
                if why:
                    last = self._last_words(release)
                    do = self.host.hint(last, of_page=True) or NOT_FOR_ALL * bool(REFUSED.search(said))
                    must = f"it must answer {app_health.wanted(health)}"
                    raise ReleaseError(f"{why}; {must}. {do}The end of the journal:\n{last}")
                patience.rest()

    # ---- the switch, and after it ----------------------------------------------------------------------------------

    def switch_in(self, release: str, previous: str) -> None:
        """Let nginx serve the app's domains if another site did so far."""
        if self.has(release) and takeover.is_due(self.app):
            kept = takeover.take_over(self.app)
            self.host.notes += [f"nginx now serves the app's domains; {path} was set aside" for path in kept]

    def verify(self, release: str) -> None:
        """Ask the site as a visitor does, through nginx and TLS."""
        site, health = self.host.request.verify, self.host.request.health
        if not site.domain or not self.has(release):
            return
        time.sleep(KEPT_SECONDS)
        connection = host_http.LocalTLSConnection(site.domain, site.address, site.port, health.timeout_seconds)
        path = health.path[0]
        try:
            status, _ = host_http.ask(connection, path, {"Host": health.host or site.domain})
        except (OSError, http.client.HTTPException) as error:
            raise ReleaseError(f"https://{site.domain}{path} did not answer through nginx: {error}") from error
        if status not in health.status:
            raise ReleaseError(
                f"https://{site.domain}{path} answered {status} through nginx, not {app_health.wanted(health)}"
            )

    def watch(self, release: str, previous: str, seconds: float) -> None:
        """Look at what visitors get from RELEASE while PREVIOUS could still take over."""
        if self.has(release):
            self._watch(release, previous).run(seconds)

    def look_back(self, release: str, previous: str) -> None:
        """Judge RELEASE by its log."""
        if self.has(release):
            self._watch(release, previous).look_back()

    def _last_words(self, release: str) -> str:
        """Return the end of what RELEASE wrote, without its secrets."""
        from ansible_collections.slipway.flask.plugins.module_utils._process import watch

        return self.masked(watch.last_words(self.unit(release)), release)

    def _watch(self, release: str, previous: str) -> Watch:
        from ansible_collections.slipway.flask.plugins.module_utils._process.watch import Watch

        return Watch(
            self.unit(release), self.unit(previous), self.socket(release), self.host.request.health,
            self.paths.environment_file(release),
        )  # fmt: skip

    def switch_back(self, release: str, previous: str) -> None:
        """Lead visitors back; nginx gives the domains back to the site from which it had taken them."""
        if not previous:
            takeover.give_back(self.app)
        elif not self.switches(release):
            self._let_finish(release)
        elif not self._hand_over(release, previous, back=False).good:
            self.host.notes.append(f"{previous} could not be restarted: see journalctl -u {self.unit(previous)}")

    def busy(self, release: str) -> bool:
        """Tell whether somebody waits at the socket of RELEASE."""
        return unix_sockets.backlog(self.socket(release)) > 0

    def drain(self, previous: str, release: str) -> None:
        """Let PREVIOUS take in all who wait at its socket, and have it end by itself once they are served."""
        socket = self.socket(previous)
        if socket == self.socket(release):
            self.retire(previous)
            return
        self._let_finish(previous)
        self.retire(previous)
        for _ in range(round(LEAVE_SECONDS / LOOK_SECONDS)):
            if not unix_sockets.connected(socket):
                break
            time.sleep(LOOK_SECONDS)

    def _let_finish(self, release: str) -> None:
        """Wait until RELEASE, to which nobody is led any more, has taken in all who wait at its socket."""
        deadline = time.monotonic() + self.host.request.drain_seconds
        while self.busy(release) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def clear(self, serving: str) -> None:
        """Remove the folders that systemd 257 left of releases whose unit, an older one, has no ExecStopPost for that."""
        for folder in self.runtimes.glob("*"):
            if ID.fullmatch(folder.name) and folder.name != serving and not self.is_there(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    # ---- what is on the host ---------------------------------------------------------------------------------------

    def wait(self) -> None:
        """Wait until a handover is over that a killed run has begun."""
        handover.wait(self.app)
