# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the next run does about one that was killed: it finishes or discards what that one left behind, and says so.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._backup import journal
from ansible_collections.slipway.flask.plugins.module_utils._host import leftovers
from ansible_collections.slipway.flask.plugins.module_utils._release import boot, fleet, observers, orphans
from ansible_collections.slipway.flask.plugins.module_utils._release import lease as release_lease
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Record, ReleaseError, now
from ansible_collections.slipway.flask.plugins.module_utils._release.removal import remove
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic


class Recovery:
    """Recovers the releases of one app. CONTEXT is that of the run that does it; its notes take what is to be told."""

    def __init__(self, context: Context) -> None:
        self.context, self.request, self.paths, self.notes = context, context.request, context.paths, context.notes

    def recover(self) -> None:
        """Finish or discard what is left; afterwards only `current` runs, and what drains."""
        release_lease.drop(self.paths.app)
        for process in self.context.processes:
            process.wait()
        self._settle_restores()
        current, killed = self.paths.current_id(), Record.read(self.paths.under_way)
        for release in self.paths.release_ids():
            found = self.paths.record(release)
            if release != current and (found is None or found.outcome == "unfinished"):
                remove(self.context, release)
        if killed and self.request.settle == "go back" and fleet.undecided(self.paths):
            current = self._go_back(killed)
        elif killed:
            self._tell_of(killed, current)
        serving = self.paths.record(current) if current else None
        if serving and serving.outcome == "unfinished":
            current = self._settle(serving)
        for process in self.context.processes:
            for release in process.releases() - {current}:
                process.leave(release)
            process.clear(current)
            if current:
                process.resume(current)
        boot.settle(self.paths.app)
        self._remove_orphans()
        leftovers.sweep()

    def _settle_restores(self) -> None:
        """Bring data back to one whole state where a restore was killed; nothing below can be judged without."""
        if journal.unfinished(self.paths.app):
            from ansible_collections.slipway.flask.plugins.module_utils._release import restores

            restores.settle(self.context)

    def _remove_orphans(self) -> None:
        """Remove settings and units of releases that have no folder: the app's folder came back from an older backup."""
        gone = orphans.orphans(self.context)
        for release in gone:
            remove(self.context, release)
        if gone:
            self.notes.append(
                f"{self.paths.settings} had settings of releases that {self.paths.root} does not have ({', '.join(gone)}); "
                "they were removed"
            )

    def _tell_of(self, killed: Record, current: str) -> None:
        """Tell of a run that was KILLED; a deploy that had switched and was not over is settled after this."""
        found = self.paths.record(killed.id)
        last = history(self.paths.history)[-1:]
        if last and (last[0].get("id"), last[0].get("started")) == (killed.id, killed.started):
            self.paths.under_way.unlink()  # it was killed when all was done
            return
        if killed.id == current and found and killed.what == "deploy":
            if found.outcome == "deployed":
                self.notes.append(f"release {current} was made live by a run that did not finish; it is recorded now")
                observers.ended(self.paths, found)
            return
        killed.ended = now()
        if killed.id == current:  # a rollback: the release had been deployed long before
            killed.outcome, killed.stage = "rolled back", ""
            self.notes.append(f"the rollback to {killed.id} was killed after the switch; it is recorded now")
        else:
            killed.outcome = "killed"
            what = f"a run that did not finish, at stage '{killed.stage}' of release {killed.id}"
            self.notes.append(f"{what}, was cleaned up")
        observers.ended(self.paths, killed)

    def _go_back(self, killed: Record) -> str:
        """Have the release serve again that the other hosts have, too; return the id of the one that serves now."""
        before = self.paths.record(killed.previous)
        told = f"the {killed.what} to {killed.id} was killed before all hosts had come as far"
        if killed.previous and not (before and self._back_to(before)):
            self.notes.append(f"{told}, and {killed.previous} can't be brought back: {killed.id} serves on")
            self._tell_of(killed, killed.id)
            return killed.id
        if not killed.previous:
            self.paths.current.unlink(missing_ok=True)
        self.notes.append(f"{told}: {f'{killed.previous} is live again' if killed.previous else 'no release is live'}")
        killed.outcome, killed.ended = "killed", now()
        if killed.what == "deploy":
            remove(self.context, killed.id)
        observers.ended(self.paths, killed)
        return killed.previous

    def _settle(self, serving: Record) -> str:
        """Decide on a release that a run switched to before it was killed; return the id of the one that serves now.

        It stays if the site answers through it, and also if the one before it can't be brought back.
        """
        told = f"release {serving.id} was made live by a run that did not finish"
        try:
            for process in self.context.processes:  # the run may have been killed before all of them had
                process.switch_in(serving.id, serving.previous)
            self._traffic(serving).verify()
            self._traffic(serving).look_back()
        except ReleaseError as error:
            before = self.paths.record(serving.previous)
            if before and self._back_to(before):
                self.notes.append(f"{told} and failed: {error}; {before.id} is live again")
                serving.outcome, serving.ended, serving.stage, serving.message = "failed", now(), "verify", str(error)
                remove(self.context, serving.id)
                observers.ended(self.paths, serving)
                return before.id
            self.notes.append(f"{told} and can't be verified: {error}")
        else:
            self.notes.append(f"{told}; it is recorded now")
        serving.outcome, serving.ended = "deployed", now()
        serving.write(self.paths.release(serving.id) / "release.json")
        observers.ended(self.paths, serving)
        for process in self.context.processes:
            process.enable(serving.id)
        return serving.id

    def _traffic(self, record: Record) -> Traffic:
        """Return what moves visitors to the release of RECORD."""
        return Traffic(Context(self.request, self.paths, record, self.context.uid, self.context.gid))

    def _back_to(self, record: Record) -> bool:
        """Make an older release serve again; tell whether it could be brought back."""
        traffic = self._traffic(record)
        try:
            traffic.start()
            traffic.gate()
            traffic.switch()
        except (ReleaseError, OSError):
            for process in self.context.processes:
                process.stop(record.id)
            return False
        return True
