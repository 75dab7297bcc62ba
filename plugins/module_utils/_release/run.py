# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What every run over an app's releases does, a deploy and a rollback alike: timed stages, and clearing up after a crash.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import http.client
import pwd
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import leftovers, systemd
from ansible_collections.slipway.flask.plugins.module_utils._python import environment
from ansible_collections.slipway.flask.plugins.module_utils._release import audit, drain, handover, orphans
from ansible_collections.slipway.flask.plugins.module_utils._release import lease as release_lease
from ansible_collections.slipway.flask.plugins.module_utils._release.context import PURPOSES, Context, command_unit
from ansible_collections.slipway.flask.plugins.module_utils._release.hooks import position
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease, uptime
from ansible_collections.slipway.flask.plugins.module_utils._release.progress import Progress
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Paths,
    Record,
    ReleaseError,
    append_history,
    history,
    lock,
    now,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic


@dataclass
class Outcome:
    """What a run did. RECORD is the release that serves afterwards, or would be made (check mode)."""

    changed: bool
    record: Record | None = None
    need_archive: bool = False
    notes: list[str] = field(default_factory=list)
    previous: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    draining: list[str] = field(default_factory=list)
    """Releases that still answer what they have begun, one sentence each."""
    hook: dict[str, str] = field(default_factory=dict)
    """Where the run stopped for the user's own tasks, and what they may want to know; empty when it went to its end."""


class Run:
    """One run over the releases of one app. SETTINGS are the module's parameters."""

    what = ""

    def __init__(self, settings: Mapping[str, Any], check: bool = False) -> None:
        self.settings = settings
        self.check = check
        self.app: str = settings["app"]
        self.paths = Paths(self.app, Path(settings["root"]), Path(settings["settings_folder"]))
        self.context = Context(settings, self.paths, Record("", self.app, "", ""))
        self.progress = Progress(self.app, settings.get("progress") or "")
        self.context.tell = self.progress.note

    def _find_user(self) -> None:
        """Look up the app's user. Raises ReleaseError when its service has not been set up."""
        try:
            self.context.uid = pwd.getpwnam(self.settings["user"]).pw_uid
            self.context.gid = grp.getgrnam(self.settings["user"]).gr_gid
        except KeyError:
            raise ReleaseError(
                f"there is no user '{self.settings['user']}' on the host; run site.yml first", "preflight"
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the app. Raises ReleaseError that names who else holds it: another call, or a run that is at a hook."""
        with lock(self.paths.root / ".lock", self.settings["by"]):
            lease = Lease.read(self.app)
            resumed = lease and lease.release == self.settings.get("resume")
            if lease and not resumed and lease.process != self.settings.get("gone"):
                raise ReleaseError(lease.said(), holder=lease.process)
            yield

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Time a stage and put its name on whatever goes wrong in it."""
        started = time.monotonic()
        with suppress(OSError):  # where no byte is left the stage itself will say so
            replace(self.context.record, stage=name).write(self.paths.under_way)
        self.progress.begin(name)
        try:
            yield
        except ReleaseError as error:
            error.stage = error.stage or name
            raise
        except environment.EnvironmentError_ as error:
            raise ReleaseError(str(error), name) from error
        except (systemd.HostError, OSError, http.client.HTTPException, ValueError) as error:
            raise ReleaseError(str(error), name) from error
        finally:
            self.context.record.seconds[name] = round(time.monotonic() - started, 2)
            self.progress.end(name, self.context.record.seconds[name])

    def _start(self, traffic: Traffic) -> None:
        """Start the release, beside one other at most: memory and database connections are reckoned for two."""
        for one in drain.draining(self.paths):
            name, begun = f"drain({one.release})", time.monotonic()
            self.progress.begin(name)
            drain.wait_for(self.paths, one)
            waited = time.monotonic() - begun
            self.progress.end(name, waited)
            if waited >= 1:
                self.context.notes.append(
                    f"the start waited {waited:.0f} s for the end of {one.release}, which drained"
                )
        traffic.start()

    def _draining(self) -> list[str]:
        """Return what the run leaves open: nobody has to wait for it."""
        return [one.said() for one in drain.draining(self.paths) if one.connections]

    # ---- hooks ---------------------------------------------------------------------------------------------------

    def _held(self, record: Record | None) -> Lease:
        """Take RECORD up again, which stopped for a hook. Raises ReleaseError when it is held no more."""
        lease = Lease.read(self.app)
        if lease is None or record is None:
            raise ReleaseError(
                f"release {self.settings['resume']} can't go on: it was held for {self.settings['hook_seconds']} s at most, "
                f"and another run or a restart of the host may have ended it; {self.what} again",
                "hook",
            )
        self.context.record, self.context.notes = record, record.notes
        return lease

    def _due(self, stages: Sequence[str], lease: Lease | None) -> list[str]:
        """Return those of the STAGES between the hook of LEASE, or the start, and the next hook, or the end.

        Raises ReleaseError when the tasks of that hook have failed.
        """
        if self.settings["gave_up"] and lease:
            raise ReleaseError(self.settings["gave_up"], lease.hook)
        first = position(lease.hook, stages) if lease else 0
        last = position(self.settings["until"], stages) if self.settings["until"] else len(stages)
        return list(stages[first:last])

    def _hold(self, before: Lease | None) -> dict[str, str]:
        """Keep everybody else from the app while the tasks of a hook run; return what these may want to know."""
        record, moment, hook = self.context.record, uptime(), self.settings["until"]
        since, until = before.since if before else moment, moment + self.settings["hook_seconds"]
        Lease(record.id, self.settings["by"], self.settings["process"], hook, since, until).write(self.app)
        return {
            "name": hook, "what": self.what, "app": self.app, "release": record.id, "folder": str(self.context.here),
            "revision": record.revision, "previous": record.previous,
        }  # fmt: skip

    # ---- after a crash -------------------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Finish or discard what a run that was killed left behind; afterwards only `current` runs, and what drains."""
        release_lease.drop(self.app)
        handover.wait(self.app)
        current, killed = self.paths.current_id(), Record.read(self.paths.under_way)
        for release in self.paths.release_ids():
            found = self.paths.record(release)
            if release != current and (found is None or found.outcome == "unfinished"):
                self._remove(release)
        if killed:
            self._tell_of(killed, current)
        serving = self.paths.record(current) if current else None
        if serving and serving.outcome == "unfinished":
            current = self._settle(serving)
        for release in {*systemd.instances(self.app), *systemd.enabled(self.app)}:
            if release == current:
                continue
            if systemd.is_active(self.paths.unit(release)):
                drain.retire(self.paths, release)
            elif not drain.is_draining(self.paths, release):
                systemd.stop(self.paths.unit(release))
            systemd.set_enabled(self.app, release, False)
        self._remove_orphans()
        leftovers.sweep()

    def _remove_orphans(self) -> None:
        """Remove settings and units of releases that have no folder: the app's folder came back from an older backup."""
        gone = orphans.orphans(self.paths)
        for release in gone:
            self._remove(release)
        if gone:
            self.context.notes.append(
                f"{self.paths.settings} had settings of releases that {self.paths.root} does not have ({', '.join(gone)}); "
                "they were removed"
            )

    def _tell_of(self, killed: Record, current: str) -> None:
        """Enter a run that was KILLED into the history; a deploy that had switched and was not over is settled after this."""
        found = self.paths.record(killed.id)
        last = history(self.paths.history)[-1:]
        if last and (last[0].get("id"), last[0].get("started")) == (killed.id, killed.started):
            self.paths.under_way.unlink()  # it was killed when all was done
            return
        if killed.id == current and found and "fetch" in killed.seconds:  # a deploy; a rollback has no such stage
            if found.outcome == "deployed":
                self.context.notes.append(
                    f"release {current} was switched to by a run that did not end; it is recorded now"
                )
                self._enter(found)
            return
        killed.ended = now()
        if killed.id == current:  # a rollback: the release had been deployed long before
            killed.outcome, killed.stage = "rolled back", ""
            self.context.notes.append(
                f"the rollback to {killed.id} was killed after it had switched; it is recorded now"
            )
        else:
            killed.outcome = "killed"
            what = f"a run that did not end, at stage '{killed.stage}' of release {killed.id}"
            self.context.notes.append(f"{what}, was cleared away")
        self._enter(killed)

    def _enter(self, record: Record) -> None:
        """Add a run that has ended to the app's history and to the host's journal."""
        append_history(self.paths.history, record)
        audit.tell(record)
        self.paths.under_way.unlink(missing_ok=True)
        release_lease.drop(self.app)

    def _settle(self, serving: Record) -> str:
        """Decide on a release that a run switched to before it was killed; return the id of the one that serves now.

        It stays if the site answers through it, and also if the one before it can't be brought back.
        """
        told = f"release {serving.id} was switched to by a run that did not end"
        try:
            self._traffic(serving).verify()
            self._traffic(serving).look_back(serving.previous)
        except ReleaseError as error:
            before = self.paths.record(serving.previous)
            if before and self._back_to(before):
                self.context.notes.append(f"{told} and failed: {error}; {before.id} serves again")
                serving.outcome, serving.ended, serving.stage, serving.message = "failed", now(), "verify", str(error)
                self._remove(serving.id)
                self._enter(serving)
                return before.id
            self.context.notes.append(f"{told} and can't be verified: {error}")
        else:
            self.context.notes.append(f"{told}; it is recorded now")
        serving.outcome, serving.ended = "deployed", now()
        serving.write(self.paths.release(serving.id) / "release.json")
        self._enter(serving)
        systemd.set_enabled(self.app, serving.id, True)
        return serving.id

    def _traffic(self, record: Record) -> Traffic:
        """Return what moves visitors to the release of RECORD."""
        return Traffic(Context(self.settings, self.paths, record, self.context.uid, self.context.gid))

    def _back_to(self, record: Record) -> bool:
        """Make an older release serve again; tell whether it could be brought back."""
        traffic = self._traffic(record)
        try:
            traffic.start()
            traffic.gate()
            traffic.switch()
        except (ReleaseError, OSError):
            systemd.stop(self.paths.unit(record.id))
            return False
        return True

    def _remove(self, release: str) -> None:
        """Remove a release that does not serve: its instance, commands of it that still run, folder and settings."""
        systemd.stop(self.paths.unit(release), *(command_unit(self.app, purpose, release) for purpose in PURPOSES))
        systemd.set_enabled(self.app, release, False)
        systemd.unit_file(self.app, release).unlink(missing_ok=True)
        if self.paths.previous_id() == release:
            self.paths.previous.unlink()
        shutil.rmtree(self.paths.settings_of(release), ignore_errors=True)
        # The record goes first: a folder without one is discarded by the next run.
        gone = self.paths.release(release)
        (gone / "release.json").unlink(missing_ok=True)
        shutil.rmtree(gone, ignore_errors=True)
