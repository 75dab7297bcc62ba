# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release, from fetch to record.

Whatever fails before *switch* leaves the old release serving and untouched; a failed *verify* or *watch* switches back by itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._python import locked
from ansible_collections.slipway.flask.plugins.module_utils._release import fleet, observers, orphans, removal, wanted
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Record,
    ReleaseError,
    fingerprint_of,
    next_id,
    now,
    read,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.recovery import Recovery
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome, Run
from ansible_collections.slipway.flask.plugins.module_utils._release.settings import differences_from_sealed, named
from ansible_collections.slipway.flask.plugins.module_utils._release.source import source_of
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import What

if TYPE_CHECKING:
    from ansible_collections.slipway.flask.plugins.module_utils._release.preparation import Preparation
    from ansible_collections.slipway.flask.plugins.module_utils._release.upgrade import Upgrade


class Deploy(Run):
    """One deploy of one app. REQUEST is what slipway.flask.release asks."""

    what: ClassVar[What] = "deploy"

    def __init__(self, request: Request, check: bool = False) -> None:
        super().__init__(request, check)
        self.source = source_of(request, self.paths)

    # ---- the deploy -------------------------------------------------------------------------------------------

    def deploy(self) -> Outcome:
        """Make the wanted release serve. Raises ReleaseError; the release that served before then still does."""
        if self.check:
            return self._plan()
        if self.request.resume:
            return self._resume()
        self._prepare_host()
        with self._alone():
            if self.request.fleet and not self.request.settle and fleet.undecided(self.paths):
                return Outcome(False)  # the other hosts are asked first
            key, revision = self._find()
            fingerprint, previous = self._fingerprint(key), self.paths.current_id()
            serving = self.paths.record(previous) if previous else None
            same = serving and serving.fingerprint == fingerprint and self._promoted(serving)
            live = same and self._runs(previous)
            if self.request.look and not live:
                return Outcome(False, due=True)
            if not live and self.source.lacks(key):
                return Outcome(False, need_archive=True)
            known = [*self.paths.release_ids(), *orphans.with_settings(self.context)]
            Recovery(self.context).recover()
            self.context.once().tidy()
            same, previous = same and self.paths.current_id() == previous, self.paths.current_id()
            if same and self._runs(previous):  # recovery may have started what did not
                return Outcome(False, self.paths.record(previous), notes=self.context.notes, previous=previous)
            if self.request.look:
                return Outcome(False, due=True)
            known += [entry["id"] for entry in history(self.paths.history)]
            self.context.record = Record(
                next_id(known, revision), self.app, revision, fingerprint, self.request.source.dirty,
                self.source.name, key, by=self.request.by, started=now(),
                previous=previous, promoted=self.request.promotion.told, made_of=self.source.made_of(),
                fleet=self.request.fleet,
            )  # fmt: skip
            return self._run()

    def _find(self) -> tuple[str, str]:
        """Return the name and the revision of the source. Raises ReleaseError, when what is to be settled has been all the same."""
        try:
            return self.source.find()
        except ReleaseError:
            if self.request.settle:
                Recovery(self.context).recover()
            raise

    def _resume(self) -> Outcome:
        """Go on with the release that stopped for a hook, or give it up when the hook failed."""
        self._find_user()
        with self._alone():
            return self._run(self._held(self.paths.record(self.request.resume)))

    def _plan(self) -> Outcome:
        """Tell what a deploy would do without changing anything (check mode)."""
        previous = self.paths.current_id()
        serving = self.paths.record(previous) if previous else None
        key = self.source.planned()
        if not key:
            return Outcome(serving is None, serving, previous=previous)
        same = serving is not None and serving.fingerprint == self._fingerprint(key) and self._promoted(serving)
        return Outcome(not same, serving, previous=previous)

    @cached_property
    def preparation(self) -> Preparation:
        """What makes the release's folder."""
        from ansible_collections.slipway.flask.plugins.module_utils._release.preparation import Preparation

        return Preparation(self.context, self.source)

    @cached_property
    def schema(self) -> Upgrade:
        """What looks at the release's app, and makes the database ready for it."""
        from ansible_collections.slipway.flask.plugins.module_utils._release.upgrade import Upgrade

        return Upgrade(self.context)

    def _keep(self, record: Record) -> None:
        self.context.folder(self.context.here, 0, 0o751)
        self.context.save()

    def _finish(self) -> None:
        from ansible_collections.slipway.flask.plugins.module_utils._release.web_access import WebAccess

        if WebAccess(self.context).leave_group():
            self.context.notes.append(f"{self.request.web.user} was removed from the group of {self.app}")
        self.context.record.outcome, self.context.record.ended = "deployed", now()
        self.context.save()
        observers.ended(self.paths, self.context.record)

    def prune(self) -> None:
        """Remove releases beyond those kept, and what only they used."""
        removal.prune(self.context, self.request.keep_releases)

    def discard(self) -> None:
        """Remove the release with all that it made; its environment stays for the next try."""
        removal.remove(self.context, self.context.record.id)
        removal.prune(self.context, self.request.keep_releases, spare=self.context.record.environment)

    # ---- what is there, and what is wanted --------------------------------------------------------------------

    def _prepare_host(self) -> None:
        """Make the app's folders. Raises ReleaseError when its service has not been set up."""
        self._find_user()
        for needed in wanted.needed(self.context):
            if not needed.exists():
                raise ReleaseError(
                    f"{needed} is missing: the app's service is not set up; run site.yml first", "preflight"
                )
        free = shutil.disk_usage(self.paths.root.parent).free // 2**20
        if free < self.request.min_free_mb:
            needed_mb = self.request.min_free_mb
            raise ReleaseError(
                f"only {free} MB of disk is free below {self.paths.root.parent}, {needed_mb} MB is needed",
                "preflight",
            )
        self._compare_settings()
        self.context.folder(self.paths.root, 0, 0o750)  # the gate: who may not pass here sees nothing below
        for folder in (self.paths.releases, self.paths.shared):
            self.context.folder(folder, 0, 0o751)
        # The web server finds a package's static files where it is installed.
        self.context.folder(self.paths.environments, 0, 0o751 if self.request.source.package else 0o750)
        self.context.folder(self.paths.sources, 0, 0o700)
        self.context.folder(self.paths.settings / "releases", 0, 0o750)
        for path in map(Path, self.request.writable_paths):
            self._refuse_foreign(path)
            self.context.folder(path, self.context.uid, 0o750)

    def _refuse_foreign(self, path: Path) -> None:
        """Raise ReleaseError for a folder that is somebody else's: what an app is given is never taken from another."""
        if not path.is_dir():
            return
        owner = path.stat().st_uid
        if owner != self.context.uid and (owner or any(path.iterdir())):
            raise ReleaseError(
                f"'{path}' in 'writable_paths' belongs to another user (uid {owner}), and its owner is never changed. Name "
                f"a folder inside it, such as {path}/{self.app}, which is created for the app",
                "preflight",
            )

    def _compare_settings(self) -> None:
        """Note where the variables differ from the host: a deploy takes what the host has."""
        self.context.notes += [
            f"the variables have different {name} than the host ({named(found)}): a deploy does not apply them, site.yml does"
            for name, found in wanted.unexpected(self.context).items()
        ]
        if not self.request.expected_environment:
            return
        there = environment_file.environment_of(read(self.context.wanted(environment_file.NAME)))
        found = differences_from_sealed(there, self.request.expected_environment)
        if found:
            self.context.notes.append(
                f"the variables have different settings than the host ({named(found)}): a deploy does not apply "
                "them, site.yml does"
            )

    def _fingerprint(self, source_key: str) -> str:
        """Return the name of everything that decides how the release behaves."""
        asked = self.request
        parts: dict[str, Any] = {
            "subfolder": asked.source.subfolder, "wsgi": asked.wsgi, "python": asked.python,
            "requirements": asked.requirements, "packages": asdict(asked.packages), "files": asked.files,
            "shared_folders": asked.shared_folders, "writable_paths": asked.writable_paths,
        }  # fmt: skip
        # By which name a command is known to have run changes no release.
        for key, commands in (("build_commands", asked.build_commands), ("release_commands", asked.release_commands)):
            parts[key] = [{"command": one.command, "once": one.once} for one in commands]
        if asked.setup_commands:  # releases from before there were any keep their fingerprint
            parts["setup_commands"] = [one.command for one in asked.setup_commands]
        return fingerprint_of({**parts, **wanted.hashes(self.context), "source": source_key})

    def _promoted(self, serving: Record) -> bool:
        """Tell whether what is SERVING has the packages that are promoted; any will do where nothing is."""
        wanted_lock = self.request.promotion.lock
        return not wanted_lock or serving.lock == locked.digest(wanted_lock)

    def _runs(self, release: str) -> bool:
        """Tell whether all processes of RELEASE run."""
        return all(process.is_active(release) for process in self.context.processes)
