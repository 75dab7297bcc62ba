# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a deploy would do, found out by preparing a release that never starts and is removed again.

Nothing of it lasts: neither a release, an environment nor an archive that was not there before, nor a line in the history;
the database is only read. A mirror of a git repository is brought up to date.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.slipway.flask.plugins.module_utils._release import removal, stages, wanted
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.history import history
from ansible_collections.slipway.flask.plugins.module_utils._release.record import (
    Record,
    ReleaseError,
    next_id,
    now,
)
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import What


class Plan(Deploy):
    """The plan of one deploy of one app. REQUEST is what slipway.flask.release asks."""

    what: ClassVar[What] = "plan"

    def __init__(self, request: Request) -> None:
        # Folders outside of the release's own are made for the time of the plan only, and left as they are if they are there.
        super().__init__(replace(request, plan=True, writable_paths=()))
        self.given = request

    def plan(self) -> Outcome:
        """Return what a deploy would do, with what stands in its way. Raises ReleaseError when that can't be found out."""
        fresh = not self.paths.root.exists()
        self._prepare_host()
        try:
            with self._alone(), self._writable_paths():
                key, revision = self.source.find()
                return self._look(key, revision)
        finally:
            if fresh:
                shutil.rmtree(self.paths.root)

    @contextmanager
    def _writable_paths(self) -> Iterator[None]:
        """Let the app write where a deploy would; folders that are not there are made, and removed in the end."""
        made: list[Path] = []
        try:
            for path in map(Path, self.given.writable_paths):
                if not path.exists():
                    made.append(next(one for one in reversed([path, *path.parents]) if not one.exists()))
                    self.context.folder(path, self.context.uid, 0o750)
            self.request = self.context.request = replace(self.request, writable_paths=self.given.writable_paths)
            yield
        finally:
            for path in made:
                with self.context.as_app() if self.context.is_apps(path) else nullcontext():
                    shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Run a stage without a note of it: a plan that is killed has left nothing to tell of."""
        with super()._stage(name):
            self.paths.under_way.unlink(missing_ok=True)
            yield

    def _look(self, key: str, revision: str) -> Outcome:
        previous = self.paths.current_id()
        serving = self.paths.record(previous) if previous else None
        found: dict[str, Any] = {
            "revision": revision, "dirty": self.request.source.dirty, "serves": previous,
            "serves_revision": serving.revision if serving else "", "same": False, "refused": "", "stage": "",
            "promoted": self.request.promotion.told,
        }  # fmt: skip
        fingerprint = self._fingerprint(key)
        if serving and serving.fingerprint == fingerprint and self._promoted(serving) and self._runs(previous):
            return Outcome(False, serving, notes=self.context.notes, plan={**found, "same": True}, previous=previous)
        if self.source.lacks(key):
            return Outcome(False, need_archive=True)
        known = self.paths.release_ids() + [entry["id"] for entry in history(self.paths.history)]
        record = Record(
            next_id(known, revision), self.app, revision, fingerprint, source_key=key, by=self.request.by, started=now(),
            previous=previous,
        )  # fmt: skip
        self.context.record = record
        before = set(os.listdir(self.paths.environments))
        try:
            found |= self._prepare(previous, before)
        finally:
            removal.remove(self.context, record.id)
            for folder in set(os.listdir(self.paths.environments)) - before:
                shutil.rmtree(self.paths.environments / folder, ignore_errors=True)
            used = {one.source_key for release in self.paths.release_ids() if (one := self.paths.record(release))}
            if key not in used:
                self.paths.archive(key).unlink(missing_ok=True)
        return Outcome(False, record, notes=self.context.notes, plan=found, previous=previous)

    def _prepare(self, previous: str, environments: set[str]) -> dict[str, Any]:
        """Prepare a release up to its check, and return what came out."""
        found: dict[str, Any] = {}
        try:
            self._go_through(stages.stages_of(self.what))
        except ReleaseError as error:
            found |= {"refused": str(error), "stage": error.stage}
        key, probe = self.context.record.environment, self.schema.probed
        allowed = self.request.migrations.allowed
        return found | {
            "environment": key,
            "environment_reused": key in environments,
            "heads": None if probe.heads is None else list(probe.heads),
            "current": None if probe.current is None else list(probe.current),
            "pending": [
                {"title": one.title, "file": one.file, "sql": one.sql, "problem": one.problem} for one in probe.pending
            ],
            "findings": [
                {"told": str(one), "allowed": one.allowed(allowed), "effect": one.effect, "revision": one.revision}
                for one in self.schema.migrations.findings
            ],
            "judged": self.request.migrations.mode != "off",
            "settings": wanted.changes(self.context, previous) if previous else {},
            "processes": [text for one in wanted.wanted(self.context) if (text := one.outline())],
            "connections": self.schema.connections.told(),
            "disk": {
                "free_mb": shutil.disk_usage(self.paths.root).free // 2**20,
                "release_mb": megabytes(self.context.src),
                "environment_mb": 0 if not key or key in environments else megabytes(self.paths.environments / key),
                "needed_mb": self.request.min_free_mb,
            },
        }


def megabytes(folder: Path) -> int:
    """Return the size of all files below FOLDER."""
    sizes = (os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)
    return sum(sizes) // 2**20
