# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The release that served comes back on another host: its code and settings are there, its environment is built again.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from dataclasses import replace

from ansible_collections.slipway.flask.plugins.module_utils._release import observers
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError, now
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome

STAGES = ("build", "start", "gate", "switch", "verify")


class Comeback(Deploy):
    """The return of the newest release of one app that has its code on the host."""

    def come_back(self) -> Outcome:
        """Build it, and have it serve. Raises ReleaseError; nothing serves then, and deploy.yml brings a new release."""
        self._prepare_host()
        with self._alone():
            current = self.paths.current_id()
            if current and (serving := self.paths.record(current)):  # an earlier run has come so far
                return Outcome(False, serving)
            self.context.record = replace(self._returning(), previous="", seconds={}, by=self.request.by, started=now())
            try:
                for stage, does in zip(STAGES, self._steps(), strict=True):
                    with self._stage(stage):
                        does()
            except ReleaseError:
                self.halt()
                self.paths.under_way.unlink(missing_ok=True)
                raise
            record = self.context.record
            record.ended, record.outcome = now(), "deployed"
            self.context.save()
            observers.ended(self.paths, record)
            return Outcome(True, record, notes=self._notes(), processes=self._outlines())

    def _steps(self) -> tuple:  # type: ignore[type-arg]
        traffic = self.traffic
        return self._build, traffic.start, traffic.gate, traffic.switch, traffic.verify

    def _returning(self) -> Record:
        found = [record for release in self.paths.release_ids() if (record := self.paths.record(release))]
        if not found:
            raise ReleaseError(
                f"the backups have no code of {self.app}: deploy it with deploy.yml -e app={self.app}", "check"
            )
        return found[-1]

    def _build(self) -> None:
        """Make what no backup has: the environment, and the links to it and to the sockets' folder."""
        here = self.context.here
        for name in ("venv", "run"):
            (here / name).unlink(missing_ok=True)
        for link in self.context.src.iterdir():  # to folders of a package; they are laid anew
            if link.is_symlink() and os.readlink(link).startswith("../venv/"):
                link.unlink()
        for process in self.context.processes:
            process.prepare(self.context.record.id)
        self.preparation.build()
