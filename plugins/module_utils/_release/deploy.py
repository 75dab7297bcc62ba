# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stages of a release, from fetch to record.

Whatever fails before *switch* leaves the old release serving and untouched; a failed *verify* or *watch* switches back by itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd
from ansible_collections.slipway.flask.plugins.module_utils._release import drain, orphans
from ansible_collections.slipway.flask.plugins.module_utils._release.lease import Lease
from ansible_collections.slipway.flask.plugins.module_utils._release.migrations import newer_schema
from ansible_collections.slipway.flask.plugins.module_utils._release.preparation import Preparation
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Record,
    ReleaseError,
    file_hash,
    fingerprint,
    history,
    next_id,
    now,
    read,
    to_prune,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome, Run
from ansible_collections.slipway.flask.plugins.module_utils._release.settings import differences_from_sealed, named
from ansible_collections.slipway.flask.plugins.module_utils._release.source import source_of
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import AFTER
from ansible_collections.slipway.flask.plugins.module_utils._release.traffic import Traffic
from ansible_collections.slipway.flask.plugins.module_utils._release.web_access import WebAccess


class Engine(Run):
    """One deploy of one app. SETTINGS are the parameters of slipway.flask.release."""

    what = "deploy"

    def __init__(self, settings: Mapping[str, Any], check: bool = False) -> None:
        super().__init__(settings, check)
        self.source = source_of(settings, self.paths)

    # ---- the deploy -------------------------------------------------------------------------------------------

    def deploy(self) -> Outcome:
        """Make the wanted release serve. Raises ReleaseError; the release that served before then still does."""
        if self.check:
            return self._plan()
        if self.settings["resume"]:
            return self._resume()
        self._prepare_host()
        with self._alone():
            key, revision = self.source.find()
            wanted, previous = self._fingerprint(key), self.paths.current_id()
            serving = self.paths.record(previous) if previous else None
            same = serving and serving.fingerprint == wanted and systemd.is_active(self.paths.unit(previous))
            if not same and self.source.lacks(key):
                return Outcome(False, need_archive=True)
            known = [*self.paths.release_ids(), *orphans.with_settings(self.paths)]
            self._recover()
            self.context.once().tidy()
            same, previous = same and self.paths.current_id() == previous, self.paths.current_id()
            if same:
                return Outcome(False, self.paths.record(previous), notes=self.context.notes, previous=previous)
            known += [entry["id"] for entry in history(self.paths.history)]
            self.context.record = Record(
                next_id(known, revision), self.app, revision, wanted, bool(self.settings["dirty"]),
                self.source.name, key, by=self.settings["by"], started=now(),
                previous=previous,
            )  # fmt: skip
            return self._run_stages()

    def _resume(self) -> Outcome:
        """Go on with the release that stopped for a hook, or give it up when the hook failed."""
        self._find_user()
        with self._alone():
            return self._run_stages(self._held(self.paths.record(self.settings["resume"])))

    def _plan(self) -> Outcome:
        """Tell what a deploy would do without changing anything (check mode)."""
        previous = self.paths.current_id()
        serving = self.paths.record(previous) if previous else None
        key = self.source.planned()
        if not key:
            return Outcome(serving is None, serving, previous=previous)
        wanted = self._fingerprint(key)
        return Outcome(serving is None or serving.fingerprint != wanted, serving, previous=previous)

    def _run_stages(self, lease: Lease | None = None) -> Outcome:
        """Run the stages up to the next hook, or to the end; LEASE says at which hook an earlier call has stopped."""
        record, previous = self.context.record, self.context.record.previous
        prepare, traffic = Preparation(self.context, self.source), Traffic(self.context)
        traffic.switched = self.paths.current_id() == record.id
        stages: dict[str, Callable[[], None]] = {
            "fetch": prepare.fetch, "build": prepare.build, "check": prepare.check, "migrate": prepare.migrate,
            "start": partial(self._start, traffic), "gate": traffic.gate, "switch": traffic.switch, "verify": traffic.verify,
            "watch": partial(traffic.watch, previous), "drain": partial(traffic.drain, previous), "prune": self._prune,
        }  # fmt: skip
        try:
            due = self._due(list(stages), lease)
            if lease and due[:1] == ["migrate"]:
                prepare.check()  # what it found is gone with the call that found it, and the hook may have changed it
            for name in due:
                with self._stage(name):
                    stages[name]()
        except ReleaseError as error:
            if error.stage in AFTER:
                self._finish()
            else:
                traffic.switch_back(previous)
                if error.stage != "migrate":
                    error.args = (f"{error}{newer_schema(record.heads_before, record.heads_after)}",)
                self._abandon(error)
            raise
        if self.settings["until"]:
            return self._pause(lease)
        self._finish()
        return Outcome(
            True, record, notes=list(dict.fromkeys(self.context.notes)), previous=previous, draining=self._draining()
        )

    def _pause(self, before: Lease | None) -> Outcome:
        """Stop for the tasks of a hook; nobody else gets the app until they are over or have taken too long."""
        record = self.context.record
        self.context.folder(self.context.here, 0, 0o751)
        record.notes = list(dict.fromkeys(self.context.notes))
        self.context.save()
        return Outcome(True, record, notes=self.context.notes, previous=record.previous, hook=self._hold(before))

    def _finish(self) -> None:
        """Write down that the release serves."""
        if WebAccess(self.context).leave_group():
            self.context.notes.append(f"{self.settings['web']['user']} has left the group of {self.app}")
        self.context.record.outcome, self.context.record.ended = "deployed", now()
        self.context.save()
        self._enter(self.context.record)

    # ---- what is there, and what is wanted --------------------------------------------------------------------

    def _prepare_host(self) -> None:
        """Make the app's folders. Raises ReleaseError when its service has not been set up."""
        unit = systemd.unit_file(self.app)
        self._find_user()
        for needed in (unit, self.context.wanted("environment"), self.context.wanted("gunicorn.conf.py")):
            if not needed.exists():
                raise ReleaseError(
                    f"{needed} is missing: the app's service is not set up; run site.yml first", "preflight"
                )
        free = shutil.disk_usage(self.paths.root.parent).free // 2**20
        if free < self.settings["min_free_mb"]:
            needed_mb = self.settings["min_free_mb"]
            raise ReleaseError(
                f"only {free} MB of disk are free below {self.paths.root.parent}, {needed_mb} MB are needed",
                "preflight",
            )
        self._compare_settings()
        self.context.folder(self.paths.root, 0, 0o750)  # the gate: who may not pass here sees nothing below
        for folder in (self.paths.releases, self.paths.shared):
            self.context.folder(folder, 0, 0o751)
        # The web server finds a package's static files where it is installed.
        self.context.folder(self.paths.environments, 0, 0o751 if self.settings["package"] else 0o750)
        self.context.folder(self.paths.sources, 0, 0o700)
        self.context.folder(self.paths.settings / "releases", 0, 0o750)
        for path in map(Path, self.settings["writable_paths"]):
            self._refuse_foreign(path)
            self.context.folder(path, self.context.uid, 0o750)

    def _refuse_foreign(self, path: Path) -> None:
        """Raise ReleaseError for a folder that is somebody else's: what an app is given is never taken from another."""
        if not path.is_dir():
            return
        owner = path.stat().st_uid
        if owner != self.context.uid and (owner or any(path.iterdir())):
            raise ReleaseError(
                f"'{path}' in 'writable_paths' belongs to another user (uid {owner}) and is not taken from it. Name a folder "
                f"inside, such as {path}/{self.app}, which is made for the app",
                "preflight",
            )

    def _compare_settings(self) -> None:
        """Note what the variables have otherwise than the host: a deploy takes what the host has."""
        if not self.settings["expected_environment"]:
            return
        there = environment_file.environment_of(read(self.context.wanted("environment")))
        found = differences_from_sealed(there, self.settings["expected_environment"])
        if found:
            self.context.notes.append(
                f"the variables have other settings than the host ({named(found)}): a deploy alone leaves them, site.yml "
                "brings them"
            )

    def _fingerprint(self, source_key: str) -> str:
        """Return the name of everything that decides how the release behaves."""
        keys = (
            "subfolder", "wsgi", "python", "requirements", "packages", "files", "shared_folders",
            "writable_paths",
        )  # fmt: skip
        parts = {key: self.settings[key] for key in keys}
        for key in ("build_commands", "release_commands"):  # by which name one is known to have run changes no release
            parts[key] = [{"command": one["command"], "once": one["once"]} for one in self.settings[key]]
        for name in ("environment", "gunicorn.conf.py"):
            parts[name] = file_hash(self.context.wanted(name))
        parts["unit"] = file_hash(systemd.unit_file(self.app))
        return fingerprint({**parts, "source": source_key})

    # ---- what goes ---------------------------------------------------------------------------------------------

    def _prune(self, spare: bool = False) -> None:
        """Remove releases beyond those kept, and environments and archives that none of the kept ones uses.

        spare: one environment stays for the next try, which would have to build it again.
        """
        current = self.paths.current_id()
        serving = self.paths.record(current)
        previous = serving.previous if serving else ""
        busy = {one.release for one in drain.draining(self.paths)}
        for release in to_prune(self.paths.release_ids(), current, self.settings["keep_releases"], previous):
            if release not in busy:  # the next deploy removes it
                self._remove(release)
        kept = [record for release in self.paths.release_ids() if (record := self.paths.record(release))]
        used = {record.environment for record in kept}
        unused = [
            folder
            for folder in self.paths.environments.iterdir()
            if folder.is_dir() and not folder.name.startswith(".") and folder.name not in used
        ]
        for folder in unused:
            if not spare or folder != self._spare(unused):
                shutil.rmtree(folder)
        archives = {self.paths.archive(record.source_key).name for record in kept}
        for archive in self.paths.sources.iterdir():
            if archive.name not in archives:
                archive.unlink()

    def _spare(self, unused: list[Path]) -> Path:
        """Return which of the environments that no release uses stays: this run's own, or else the newest."""
        own = self.paths.environments / self.context.record.environment
        return own if own in unused else max(unused, key=lambda folder: folder.stat().st_mtime)

    def _abandon(self, error: ReleaseError) -> None:
        """Write down why the release failed; of all that it made, that line stays, and its environment for the next try."""
        self.context.record.outcome, self.context.record.ended = "failed", now()
        self.context.record.stage, self.context.record.message = error.stage, str(error)
        self._remove(self.context.record.id)
        self._prune(spare=True)
        self._enter(self.context.record)
