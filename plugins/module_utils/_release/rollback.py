# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Back to a release that is still on the host, with the settings it had, and with an eye on the database's schema.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from ansible_collections.slipway.flask.plugins.module_utils._release import fleet, observers
from ansible_collections.slipway.flask.plugins.module_utils._release.downgrade import Downgrade
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Record,
    ReleaseError,
    now,
    number,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.recovery import Recovery
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome, Run


class Rollback(Run):
    """One rollback of one app. REQUEST is what slipway.flask.rollback asks."""

    what = "rollback"
    failure = "rollback failed"

    @cached_property
    def schema(self) -> Downgrade:
        """What makes the database ready for the release."""
        return Downgrade(self.context)

    def roll_back(self) -> Outcome:
        """Make an older release serve. Raises ReleaseError; the release that served before then still does."""
        self._find_user()
        if self.check:
            return self._plan()
        with self._alone():
            if self.request.resume:
                lease = self._held(Record.read(self.paths.under_way))
                self.schema.resume()
                return self._run(lease)
            if self.request.fleet and not self.request.settle and fleet.undecided(self.paths):
                return Outcome(False)  # the other hosts are asked first
            Recovery(self.context).recover()
            serving, target = self._serving(), self._target()
            if target.id == serving.id:
                return Outcome(False, serving, notes=self.context.notes, previous=serving.id)
            self.context.record = replace(
                target, what="rollback", by=self.request.by, started=now(), previous=serving.id, seconds={},
                outcome="unfinished", fleet=self.request.fleet,
            )  # fmt: skip
            return self._run()

    def _plan(self) -> Outcome:
        serving, target = self._serving(), self._target()
        return Outcome(target.id != serving.id, target, previous=serving.id)

    def _serving(self) -> Record:
        found = self.paths.record(self.paths.current_id())
        if found is None:
            raise ReleaseError("nothing has been deployed yet, so there is nothing to roll back", "check")
        return found

    def _target(self) -> Record:
        """Return the release to go back to: the one that is named, or the one that served before this one."""
        serving = self._serving()
        there = [release for release in self.paths.release_ids() if release != serving.id]
        known = ", ".join(reversed(there)) or "none"
        named = self.request.to
        if named and self.request.fleet and named != serving.id and named not in there:
            named = self._same_revision(named, [serving.id, *reversed(there)])
        if named == serving.id:
            return serving
        if named and named not in there:
            raise ReleaseError(f"release '{named}' is not on the host; these are: {known}", "check")
        older = [release for release in there if number(release) < number(serving.id)]
        wanted = named or (serving.previous if serving.previous in there else (older or [""])[-1])
        found = self.paths.record(wanted) if wanted else None
        if found is None:
            others = f"name one of those on the host: {known}" if there else "it is the only one on the host"
            raise ReleaseError(f"there is no release before {serving.id} to roll back to; {others}", "check")
        return found

    def _same_revision(self, named: str, there: list[str]) -> str:
        """Return the newest of the releases that are THERE with the revision of the one that is NAMED by another host's id."""
        revision = named.partition("-")[2]
        return next((release for release in there if release.partition("-")[2] == revision), named)

    def _keep(self, record: Record) -> None:
        """What the release itself knows is of its deploy and stays as it is."""
        record.stage = self.request.until
        record.write(self.paths.under_way)

    def _finish(self) -> None:
        record = self.context.record
        record.outcome, record.stage, record.ended = "rolled back", "", now()
        observers.ended(self.paths, record)
