# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A drill: what is at each target is restored beside the site and compared with it, then removed.

Nothing is written to the live cluster or to an app's folders.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import drill_report, meaning, places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_database import Databases
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_files import Files
from ansible_collections.slipway.flask.plugins.module_utils._backup.drill_mariadb import Dumps
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome


class Drill:
    """A restore drill of all targets in SETTINGS. SAY is called with the progress."""

    def __init__(self, settings: Settings, say: Callable[[str], None] = lambda text: None) -> None:
        self.settings, self.say = settings, say

    def run(self) -> Outcome:
        """Do it, and keep how it ended.

        :raises BackupError: when another one is under way.
        """
        with self._alone():
            outcome, began = Outcome("drill", state.now(), facts={"targets": {}}), time.monotonic()
            for number, target in enumerate(self.settings.targets, 1):
                self.say(f"drill of {target.name}")
                problems, facts = self._target(number)
                means = dict.fromkeys(meaning.sentence(target.name, one) for one in problems)
                told = [meaning.without_secrets(one, self.settings) for one in means]
                outcome.problems += told
                outcome.facts["targets"][target.name] = {**facts, "problems": told}
                for line in drill_report.lines(facts):
                    self.say(f"  {line}")
            outcome.ended, outcome.seconds = state.now(), round(time.monotonic() - began, 1)
            outcome.write()
        return outcome

    def _target(self, number: int) -> tuple[list[str], dict[str, Any]]:
        """Return what is wrong with the backups at a target, and what is known of them. One half doesn't wait for the other."""
        problems: list[str] = []
        facts: dict[str, Any] = {}
        began = time.monotonic()
        if self.settings.has_cluster:
            self.say("  restoring the database server's newest backup")
            with self._noted(problems):
                facts["database"] = Databases(self.settings, self.say, problems).drill(number)
        if any(app.mariadb for app in self.settings.apps):
            with self._noted(problems):
                facts["mariadb"] = Dumps(self.settings, self.say, problems).drill(number)
        # A run would change the repository of files, and remove what is being read.
        with self._noted(problems), state.alone(self.say):
            facts["files"] = Files(self.settings, self.say, problems).drill(number)
        return problems, {**facts, "seconds": round(time.monotonic() - began, 1)}

    @contextmanager
    def _noted(self, problems: list[str]) -> Iterator[None]:
        try:
            yield
        except BackupError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{error.filename or 'the host'}: {error.strerror or error}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        places.STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (places.STATE / "drill.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError("another drill is under way on this host") from None
            yield
