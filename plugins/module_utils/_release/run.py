# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What every run over an app's releases does, a deploy, a rollback and a plan alike: the loop over its stages.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import grp
import http.client
import pwd
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.slipway.flask.plugins.module_utils._host import going, systemd
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_
from ansible_collections.slipway.flask.plugins.module_utils._release import boot, drain, fleet, observers, stages
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease, uptime
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
from ansible_collections.slipway.flask.plugins.module_utils._release.progress import Progress
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Ended,
    Paths,
    Record,
    ReleaseError,
    now,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import Stage, What
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic

NOTICED_SECONDS = 20
"""How long what balances may take to notice that a host has begun to serve: at a first deploy, none did before."""


@dataclass
class Outcome:
    """What a run did. RECORD is the live release afterwards, or would be made (check mode)."""

    changed: bool
    record: Record | None = None
    need_archive: bool = False
    due: bool = False
    """There is something to do, and it was only asked whether there is."""
    notes: list[str] = field(default_factory=list)
    previous: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    draining: list[str] = field(default_factory=list)
    """Releases that still answer what they have begun, one sentence each."""
    processes: list[str] = field(default_factory=list)
    """What runs beside what each app has, one name each, with what there is to say of it."""
    hook: dict[str, str] = field(default_factory=dict)
    """Where the run stopped for the user's own tasks, and what they may want to know; empty when it went to its end."""


class Run:
    """One run over the releases of one app. REQUEST is what a module asks."""

    what: ClassVar[What]
    failure: ClassVar[Ended] = "failed"
    """The outcome of a run that was given up."""

    def __init__(self, request: Request, check: bool = False) -> None:
        self.request = request
        self.check = check
        self.app: str = request.app
        self.paths = Paths(self.app, Path(request.root), Path(request.settings_folder))
        self.context = Context(request, self.paths, Record("", self.app, "", ""))
        self.progress = Progress(self.app, request.progress)
        self.context.tell = self.progress.note
        self.traffic = Traffic(self.context)

    def _find_user(self) -> None:
        """Look up the app's user. Raises ReleaseError when its service has not been set up."""
        try:
            self.context.uid = pwd.getpwnam(self.request.user).pw_uid
            self.context.gid = grp.getgrnam(self.request.user).gr_gid
        except KeyError:
            raise ReleaseError(
                f"there is no user '{self.request.user}' on the host; run site.yml first", "preflight"
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the app. Raises ReleaseError that names who else holds it: another call, or a run that is at a hook."""
        with lock(self.paths.root / ".lock", self.request.by):
            if since := going.going(self.app):
                raise ReleaseError(
                    f"the removal of {self.app} that began at {since} UTC has not finished: anything the app wrote now "
                    f"would be lost. Finish it first: ansible-playbook playbooks/remove.yml -e app={self.app}"
                )
            lease = Lease.read(self.app)
            resumed = lease and lease.release == self.request.resume
            if lease and not resumed and lease.process != self.request.gone:
                raise ReleaseError(lease.said(), holder=lease.process)
            yield

    # ---- the stages ----------------------------------------------------------------------------------------------

    def _run(self, lease: Lease | None = None) -> Outcome:
        """Run the stages up to the next hook, or to the end; LEASE says at which hook an earlier call has stopped.

        Raises ReleaseError when one of them fails, after what can be undone has been.
        """
        record = self.context.record
        self.traffic.switched = self.paths.current_id() == record.id
        try:
            self._go_through(self._due(lease))
            self._verify_elsewhere()
        except ReleaseError as error:
            if stages.stays(error.stage):
                self._finish()
            else:
                self._undo(error)
            raise
        if self.request.until:
            return self._pause(lease)
        self._finish()
        return Outcome(
            True, record, notes=self._notes(), previous=record.previous, draining=self._draining(),
            processes=self._outlines(),
        )  # fmt: skip

    def _go_through(self, due: Iterable[Stage]) -> None:
        """Run the stages that are DUE, one after the other."""
        for stage in due:
            with self._stage(stage.name):
                self.method(stage.does)()

    def _verify_elsewhere(self) -> None:
        """Look at the site through what stands before this host, too. Raises ReleaseError."""
        if not self.request.verify_at:
            return
        deadline = time.monotonic() + NOTICED_SECONDS
        with self._stage("verify"):
            for address in self.request.verify_at:
                there = replace(self.request, verify=replace(self.request.verify, address=address))
                while not self._is_verified(Traffic(replace(self.context, request=there)), time.monotonic() < deadline):
                    time.sleep(1)

    def _is_verified(self, traffic: Traffic, may_wait: bool) -> bool:
        """Tell whether the site can be seen; False only while it MAY_WAIT. Raises ReleaseError."""
        try:
            traffic.verify()
        except ReleaseError:
            if not may_wait:
                raise
            return False
        return True

    def _undo(self, error: ReleaseError) -> None:
        """Undo what was done, the last stage first, and write down why: ERROR, which may have more to say then."""
        for stage in reversed(stages.stages_of(self.what)):
            told = self.method(stage.undo)() if stage.undo else ""
            error.args = (f"{error}{told or ''}",)
        record = self.context.record
        record.outcome, record.ended = self.failure, now()
        record.stage, record.message = error.stage, str(error)
        observers.ended(self.paths, record)

    def method(self, name: str) -> Callable[[], str | None]:
        """Return the method that a stage names."""
        found: Callable[[], str | None] = attrgetter(name)(self)
        return found

    def _pause(self, before: Lease | None) -> Outcome:
        """Stop for the tasks of a hook; nobody else gets the app until they are over or have taken too long."""
        record = self.context.record
        record.notes = self._notes()
        self._keep(record)
        return Outcome(True, record, notes=record.notes, previous=record.previous, hook=self._hold(before))

    def _keep(self, record: Record) -> None:
        """Write RECORD where the next call finds it, which goes on after a hook."""
        raise NotImplementedError

    def _finish(self) -> None:
        """Write down that the release serves."""
        raise NotImplementedError

    def _notes(self) -> list[str]:
        return list(dict.fromkeys(self.context.notes))

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
        except EnvironmentError_ as error:
            raise ReleaseError(str(error), name) from error
        except (systemd.HostError, OSError, http.client.HTTPException, ValueError) as error:
            raise ReleaseError(str(error), name) from error
        finally:
            seconds = round(time.monotonic() - started, 2)
            self.context.record.seconds[name] = round(self.context.record.seconds.get(name, 0) + seconds, 2)
            self.progress.end(name, seconds)

    def start(self) -> None:
        """Start the release, beside one other at most: memory and database connections are reckoned for two."""
        for one in (one for one in drain.draining(self.context.processes) if one.awaited):
            if one.again and one.release == self.context.record.id:  # a rollback need not wait for what it goes back to
                continue
            name, begun = f"drain({one.release})", time.monotonic()
            self.progress.begin(name)
            drain.wait_for(self.context.processes, one)
            waited = time.monotonic() - begun
            self.progress.end(name, waited)
            if waited >= 1:
                self.context.notes.append(f"the start waited {waited:.0f} s for {one.release} to drain")
        self.traffic.start()

    def switch(self) -> None:
        """Point visitors at the release; with other hosts, a boot before all have done so points them back."""
        if self.request.fleet:
            boot.hold(self.paths, self.context.record.previous)
        self.traffic.switch()

    def switch_back(self) -> None:
        """Point visitors at the release before, if they were pointed away."""
        self.traffic.switch_back()
        boot.settle(self.app)

    def drain(self) -> None:
        """Have the release before end: all hosts have switched, so that this one stays."""
        boot.settle(self.app)
        self.traffic.drain()

    def halt(self) -> None:
        """Stop the release, and have no restart of the host start it."""
        for process in self.context.processes:
            process.stop(self.context.record.id)
            process.disable(self.context.record.id)

    def _outlines(self) -> list[str]:
        release = self.context.record.id
        return [text for one in self.context.processes if one.has(release) and (text := one.outline(release))]

    def _draining(self) -> list[str]:
        """Return what the run leaves open: nobody has to wait for it."""
        return [one.said() for one in drain.draining(self.context.processes) if one.is_busy]

    # ---- hooks ---------------------------------------------------------------------------------------------------

    def _held(self, record: Record | None) -> Lease:
        """Take RECORD up again, which stopped for a hook. Raises ReleaseError when it is held no more."""
        # What was switched to goes back even if its time is over, as long as no other run has begun.
        lease = Lease.read(self.app, over=bool(self.request.fleet and self.request.gave_up))
        if lease is None and record and self.request.gave_up and fleet.under_way(self.paths):
            lease = Lease(
                record.id, self.request.by, self.request.process, "before_drain", 0, 0
            )  # the host was restarted
        if lease is None or record is None:
            raise ReleaseError(
                f"release {self.request.resume} can't be resumed: it was held for {self.request.hook_seconds} s at most, "
                f"and another run or a restart of the host may have ended it; {self.what} again",
                "hook",
            )
        self.context.record, self.context.notes = record, record.notes
        return lease

    def _due(self, lease: Lease | None) -> list[Stage]:
        """Return the stages between the hook of LEASE, or the start, and the next hook, or the end.

        Raises ReleaseError when the tasks of that hook have failed.
        """
        if self.request.gave_up and lease:
            raise ReleaseError(self.request.gave_up, lease.hook)
        every, names = stages.stages_of(self.what), stages.names_of(self.what)
        first = stages.position(lease.hook, names) if lease else 0
        last = stages.position(self.request.until, names) if self.request.until else len(every)
        due = list(every[first:last])
        if lease and due and due[0].needs:  # its findings went with the earlier call, or the hook changed them
            due.insert(0, stages.stage(due[0].needs))
        return due

    def _hold(self, before: Lease | None) -> dict[str, str]:
        """Keep everybody else from the app while the tasks of a hook run; return what these may want to know."""
        record, moment, hook = self.context.record, uptime(), self.request.until
        since, until = before.since if before else moment, moment + self.request.hook_seconds
        Lease(record.id, self.request.by, self.request.process, hook, since, until).write(self.app)
        return {
            "name": hook, "what": self.what, "app": self.app, "release": record.id, "folder": str(self.context.here),
            "revision": record.revision, "previous": record.previous,
        }  # fmt: skip
