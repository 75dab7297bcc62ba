# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a restore and an import have in common: data that is ready beside what serves changes places with it.

The site closes for that, a release starts on the new data and must become ready, and the site opens. What fails up to then is
undone; after a kill, by the next run over the app (_release/restores.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import ClassVar, Literal

from ansible_collections.slipway.flask.plugins.module_utils._backup import mariadb_objects, state, swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.journal import Journal
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._release import observers, restores
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Ended,
    Record,
    ReleaseError,
    now,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Run


class Exchange(Run):
    """One such run over one app. A subclass finds out which release is `serving`, begins the `journal`, and makes data ready."""

    what = "rollback"
    doing: ClassVar[Literal["restore", "import"]]
    """What people call it, and records and the playbook that tries again."""
    failures: ClassVar[tuple[type[Exception], ...]] = (
        BackupError, systemd.HostError, OSError, http.client.HTTPException, ValueError,
    )  # fmt: skip
    """What a step may raise and people can read."""
    journal: Journal
    serving: Record

    def __init__(self, request: Request, check: bool = False) -> None:
        super().__init__(request, check)
        self.seconds: dict[str, float] = {}
        self.since = ""
        """When it began, as records have it."""

    def _swap(self) -> None:
        """Close the site, end the app, exchange the data, and start the app on it; no backup reads them meanwhile."""
        with state.still(self.app, self.context.tell):
            self._exchange()

    def _exchange(self) -> None:
        journal, self.closed = self.journal, time.monotonic()
        with self._step("close"):
            journal.at("close")
            restores.close(journal)
            restores.halt(self.context)
        with self._step("swap"):
            journal.at("swap")
            self._swap_data()
        with self._step("start"):
            journal.at("start")
            self.ready = restores.start(self.context, journal.release)
            journal.at("done")

    def _swap_data(self) -> None:
        """Exchange what the journal has."""
        journal = self.journal
        if journal.mariadb:
            mariadb_objects.save(journal.mariadb, journal.user, journal.objects_before)
        swap.forward(journal)
        self.context.notes += journal.notes

    def _let_in(self, told: str) -> float:
        """Have visitors in again, and return for how many seconds they were not. TOLD is said of the data when that fails."""
        try:
            with self._step("open"):
                self.ready.switch()
                restores.reopen(self.journal)
                seconds = time.monotonic() - self.closed
                swap.discard(self.journal)
                self.journal.at("kept")
        except ReleaseError as error:
            raise ReleaseError(
                f"{told}, but the site could not be opened: {error}. The {self._next} tries again", error.stage
            ) from None
        return round(seconds, 1)

    @property
    def _next(self) -> str:
        return f"next run of deploy.yml, rollback.yml or {self.doing}.yml over {self.app}"

    def _give_up(self, error: ReleaseError) -> None:
        """Bring back what was there; ERROR says more when that can't be done."""
        try:
            with state.still(self.app):
                restores.undo(self.context, self.journal)
        except (BackupError, ReleaseError, systemd.HostError, OSError) as worse:
            error.args = (
                f"{error}\nAnd the previous data could not be put back: {worse}. The site stays closed; the "
                f"{self._next} tries again",
            )
        with suppress(OSError):
            self._write_down(self.serving, self.failure, self.previous, error.stage, str(error))

    @property
    def previous(self) -> str:
        """What the record of one that failed has as the previous release."""
        return self.serving.previous

    def _write_down(self, release: Record, outcome: Ended, previous: str, stage: str, message: str) -> Record:
        """Keep what became of it in the app's history."""
        record = replace(
            release, what=self.doing, by=self.request.by, started=self.since, ended=now(), outcome=outcome, previous=previous,
            seconds=self.seconds, stage=stage, message=message, notes=self._notes(),
        )  # fmt: skip
        observers.ended(self.paths, record)
        return record

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Show and time a step, and put its name on whatever goes wrong in it."""
        began = time.monotonic()
        self.progress.begin(name)
        try:
            with self._told(name):
                yield
        finally:
            took = round(time.monotonic() - began, 2)
            self.seconds[name] = round(self.seconds.get(name, 0) + took, 2)
            self.progress.end(name, took)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except ReleaseError as error:
            error.stage = error.stage or name
            raise
        except self.failures as error:
            raise ReleaseError(self._said(error, name), name) from error

    def _said(self, error: Exception, step: str) -> str:
        """Return what people read of an ERROR in a STEP."""
        return str(error)
