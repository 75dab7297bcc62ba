# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The backups: when one last ended well at each target, the drills, and how long WAL has been waiting.

They are read from what runs, checks and drills leave on the host; the targets are not asked.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, state
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._host import stored
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._postgres import segments

CLUSTERS = Path("/var/lib/postgresql")
KEPT = "backups.json"


class Backups:
    """A part of the collector."""

    name = "backups"
    every = 15.0

    def __init__(self, config: Config, folder: Path = places.STATE, wanted: Path = places.SETTINGS,
                 clusters: Path = CLUSTERS, more: Path = places.METRICS) -> None:  # fmt: skip
        self.config, self.folder, self.wanted, self.clusters, self.more = config, folder, wanted, clusters, more

    def samples(self, now: float) -> Iterator[Sample]:
        self._link()
        if not self.wanted.exists():
            return
        wanted = Settings.read(self.wanted)
        kept = stored.read(self.config.state / KEPT)
        before = repr(kept)
        run, drill = (state.outcome(what, self.folder) for what in ("run", "drill"))
        if run and run.ended:
            yield from _runs([target.name for target in wanted.targets], run, kept)
        if drill and drill.ended:
            yield from _drills([app.name for app in wanted.apps], drill, kept)
        if wanted.has_cluster:
            yield Sample("slipway_archive_waiting_seconds", self._waiting(now),
                         help="How long the oldest WAL segment has been waiting to be archived.")  # fmt: skip
        if repr(kept) != before:
            with suppress(OSError):  # a full disk is told of by others; this must not hide the backups
                stored.write(self.config.state / KEPT, kept)

    def _link(self) -> None:
        """Have the node exporter read what the check of the backups writes as well."""
        link = self.config.output / "backups-check.prom"
        if self.more.exists() and not link.is_symlink():
            with suppress(OSError):
                link.symlink_to(self.more)
        elif link.is_symlink() and not self.more.exists():
            link.unlink(missing_ok=True)

    def _waiting(self, now: float) -> float:
        """Return for how many seconds the oldest segment has been waiting, 0 when none is."""
        found = (since for data in self.clusters.glob("*/*") for since in segments.waiting(data))
        return max(0.0, round(now - min(found, default=now), 1))


def _runs(targets: list[str], run: Outcome, kept: dict[str, Any]) -> Iterator[Sample]:
    """Yield how the last RUN ended at each target. A problem begins with the target's name, or it is one of all."""
    since, good = state.time_of(run.ended).timestamp(), kept.setdefault("targets", {})
    for name in targets:
        others = tuple(f"{other}:" for other in targets if other != name)
        is_failed = any(not text.startswith(others) for text in run.problems)
        if not is_failed:
            good[name] = max(since, float(good.get(name, 0)))
        if name in good:
            yield Sample("slipway_backup_last_success_timestamp_seconds", good[name], {"target": name},
                         help="Time of the last successful backup to this target.")  # fmt: skip
        yield Sample(
            "slipway_backup_failed",
            float(is_failed),
            {"target": name},
            help="Whether the last backup to this target failed.",
        )


def _drills(apps: list[str], drill: Outcome, kept: dict[str, Any]) -> Iterator[Sample]:
    """Yield how the last DRILL ended for each app."""
    since, good = state.time_of(drill.ended).timestamp(), kept.setdefault("drills", {})
    for name in apps:
        others = tuple(f"{other}:" for other in apps if other != name)
        is_failed = any(not text.partition(": ")[2].startswith(others) for text in drill.problems)
        if not is_failed:
            good[name] = max(since, float(good.get(name, 0)))
        if name in good:
            yield Sample("slipway_drill_last_success_timestamp_seconds", good[name], {"app": name},
                         help="Time of the last successful restore drill.")  # fmt: skip
        yield Sample(
            "slipway_drill_failed", float(is_failed), {"app": name}, help="Whether the last restore drill failed."
        )
