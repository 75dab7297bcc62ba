# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How long a release is asked whether it is ready, and how often.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health

POLL_SECONDS, POLL_SECONDS_MAX, SHARE = 0.1, 1.0, 0.1
"""Between two questions: a tenth of the time so far, so that an answer is late by at most that, within these bounds.
That makes 40 questions in 20 s, and 80 in 60 s: an app may log a traceback for each."""
BROKEN, BROKEN_SECONDS = " answered 500", 20
"""An app that can't do its work yet answers 503, or nothing; one that answers 500 for so long without a break has a fault."""
FALLS = 2
"""How often a release may fall back from ready to not ready; one that goes on so is never ready."""


class Patience:
    """Takes in what is wrong with each answer that is not as HEALTH wants it, and says when it is enough."""

    def __init__(self, health: Health) -> None:
        self.health, self.begun, self.falls = health, time.monotonic(), 0
        self.broken: float | None = None
        """Since when each answer was 500."""

    def enough(self, said: str, was_good: bool) -> str:
        """Return why to give up, a sentence without its end, after an answer of which SAID is wrong; "" to ask again.

        WAS_GOOD: the answer before was as it must be.
        """
        now = time.monotonic()
        self.falls += was_good
        if was_good or not said.endswith(BROKEN):
            self.broken = None
        if said.endswith(BROKEN) and self.broken is None:
            self.broken = now
        if self.falls > FALLS:
            return f"{said} after {app_health.wanted(self.health)}, again and again"
        if now - self.begun > self.health.timeout_seconds:
            seconds = f"{self.health.timeout_seconds} s"
            still = said.replace(" answered ", " still answered ", 1)
            return f"{still} after {seconds}" if still != said else f"{said} within {seconds}"
        if self.broken is not None and now - self.broken >= BROKEN_SECONDS:
            return f"{said} for {BROKEN_SECONDS} s without a break"
        return ""

    def rest(self) -> None:
        """Wait until it is time to ask again."""
        time.sleep(min(POLL_SECONDS_MAX, max(POLL_SECONDS, SHARE * (time.monotonic() - self.begun))))
