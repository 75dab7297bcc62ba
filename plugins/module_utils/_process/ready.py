# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A command of the app's that tells whether an instance of a process is ready, such as `celery inspect ping`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox, systemd

PAUSE_SECONDS = 1
"""Between two runs of the command."""


@dataclass(frozen=True)
class Question:
    """The command of an ENTRY of processes.json, for RELEASE of the app at PLACES, which WSGI names, as its USER."""

    places: Places
    release: str
    user: str
    wsgi: str
    entry: Mapping[str, Any]

    def put(self, unit: str, look: Callable[[], object]) -> str:
        """Run the command beside UNIT until it succeeds; return what it said at last if it does not in time.

        LOOK is called before each run, and raises what is to end it.
        """
        seconds = int(self.entry["ready_seconds"])
        deadline = time.monotonic() + seconds
        while True:
            look()
            left = max(1, round(deadline - time.monotonic()))
            name = f"{unit.partition('@')[0]}-ready-{self.release}.service"
            done = self._command(unit, left).run(["/usr/bin/env", *self.entry["ready_command"]], name)
            if not done.returncode:
                return ""
            if time.monotonic() > deadline:
                said = systemd.tail(done.stdout + done.stderr)
                what = self.entry["ready_label"]
                return (
                    f"{unit} was not ready within {seconds} s: `{what}` ended with status {done.returncode}. Its last "
                    f"lines:\n{said}"
                )
            time.sleep(PAUSE_SECONDS)

    def _command(self, unit: str, seconds: int) -> sandbox.Command:
        """Return how the command runs: with the unit's environment, in its sandbox."""
        here = self.places.release(self.release)
        environment = app_command.surroundings(f"{here}/venv", self.wsgi, self.release)
        name = {"PROCESS_NAME": unit.partition("@")[0].partition(".")[2]}
        own = {name: str(value).replace("%i", self.release) for name, value in self.entry["environment"].items()}
        return sandbox.Command(
            user=self.user, folder=here / "src", environment_file=self.places.environment_file(self.release),
            environment={**environment, **name, **own}, seconds=seconds, service=unit,
        )  # fmt: skip
