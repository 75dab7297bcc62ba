# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""pgBackRest: backups of the host's PostgreSQL cluster, and its WAL, at every target.

It works as the user postgres and has its settings, the passphrase among them, from a file that only it and root can read.
A repository of its own is at each target; their numbers follow the order of the targets, from 1 on.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timezone
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import moment, places, reach
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.moment import Moment
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import Rights
from ansible_collections.slipway.flask.plugins.module_utils._backup.places import STANZA
from ansible_collections.slipway.flask.plugins.module_utils._backup.repository import Backup as Backup
from ansible_collections.slipway.flask.plugins.module_utils._backup.repository import Repository as Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.repository import reason, repositories
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import SUPERUSER

LEVELS = ("--log-level-console=off", "--log-level-stderr=error")
RESTORE_SECONDS = 86_400
ANNOTATIONS = (2, 41)
"""First version that keeps notes with a backup (its release notes)."""
FOLDERS = ("/var/spool/pgbackrest", "/var/log/pgbackrest")
LOCKED, LOCK_SECONDS = "050", 120
"""Code of a command that found another one at work, and how long that one may take."""


class PgBackRest:
    """pgBackRest with SETTINGS, whose configuration is on the host already."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def version(self) -> tuple[int, ...]:
        """Return its version, (2, 55, 1) for example. Raises BackupError where it isn't installed."""
        found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", run(["pgbackrest", "version"]).stdout)
        return tuple(int(part) for part in found.groups() if part) if found else ()

    def can_annotate(self) -> bool:
        """Tell whether it can keep notes with a backup."""
        return self.version() >= ANNOTATIONS

    def info(self) -> list[Repository]:
        """Return what is in the repositories, in the order of the targets. Raises BackupError when it can't be asked."""
        away = [reach.why_not(target) for target in self.settings.targets]
        if not any(away):
            return self._info(range(1, len(away) + 1))
        return [self._one(number, why) for number, why in enumerate(away, 1)]

    def repository(self, number: int) -> Repository:
        """Return what is at the target with that NUMBER; no other is asked. Raises BackupError."""
        return self._one(number, reach.why_not(self.settings.targets[number - 1]))

    def _one(self, number: int, away: str) -> Repository:
        """Return one repository; AWAY is why its server can't be reached, "" when it can."""
        return Repository(number, [], away) if away else self._info([number], f"--repo={number}")[0]

    def _info(self, numbers: Sequence[int], *options: str) -> list[Repository]:
        said = self._call("info", "--output=json", *options, what="read the repositories")
        try:
            return repositories(json.loads(said), numbers)
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"the answer of `pgbackrest info` can't be read: {error}") from None

    def create(self) -> None:
        """Make the repositories ready for the cluster; where they are, nothing happens.

        :raises BackupError: when one can't be reached, or has another cluster's backups.
        """
        self._alone("stanza-create", "create the repositories")

    def upgrade(self) -> None:
        """Go on with repositories that hold the backups of another cluster, or of one before its upgrade: those stay."""
        self._alone("stanza-upgrade", "upgrade the repositories")

    def backup(self, kind: str, repository: int = 1, annotations: Mapping[str, str] | None = None) -> str:
        """Make a backup and return its label.

        :param kind: full, diff or incr; the first is always a full one.
        :param repository: the number of the target, from 1 on.
        :raises BackupError: with what pgBackRest said.
        """
        before = {backup.label for backup in self.repository(repository).backups}
        notes = [f"--annotation={key}={value}" for key, value in (annotations or {}).items() if value]
        self._call("backup", f"--repo={repository}", f"--type={kind}", *notes, what="make a backup")
        made = [backup.label for backup in self.repository(repository).backups if backup.label not in before]
        if not made:
            raise BackupError("pgBackRest made a backup that its repository doesn't list")
        return made[-1]

    def check(self) -> None:
        """Have the cluster begin a new WAL segment, and wait until it is in every repository. Raises BackupError."""
        self._call("check", what="archive WAL")

    def segments(self, found: Repository, since: str) -> list[str]:
        """Return the WAL segments from SINCE on that are archived in a repository. Raises BackupError."""
        place, number = f"archive/{STANZA}/{found.archive}", f"--repo={found.number}"
        folders = self._call("repo-ls", number, place, what="list archived WAL").split()
        names: list[str] = []
        for folder in folders:
            if re.fullmatch(r"[0-9A-F]{16}", folder) and folder >= since[:16]:
                names += self._call("repo-ls", number, f"{place}/{folder}", what="list archived WAL").split()
        return names

    def expire(self, repository: int, labels: Iterable[str], fulls: int) -> None:
        """Remove the backups with LABELS, what builds on them, and WAL that is older than the newest FULLS fulls.

        A full that is older than those keeps the WAL that makes it consistent. Raises BackupError.
        """
        number = f"--repo={repository}"
        for label in labels:
            self._call("expire", number, f"--set={label}", what="remove old backups")
        self._call("expire", number, f"--repo{repository}-retention-archive={fulls}", what="remove old WAL")

    def restore(
        self,
        into: Path,
        to: Moment = moment.LATEST,
        only_databases: Sequence[str] = (),
        repository: int = 1,
        options: Sequence[str] = (),
    ) -> Backup:
        """Write the cluster's files as of a moment into the empty folder INTO, which must be the user postgres' own.

        The server that is started on it finishes the recovery and then accepts writes. It archives nothing.

        :param only_databases: databases whose contents are wanted; others are there, but can't be entered. () is all.
        :param options: further ones of `pgbackrest restore`.
        :return: the backup that it begins with.
        :raises BackupError: when no backup reaches that far back, or with what pgBackRest said.
        """
        found = self.repository(repository)
        if found.problem:
            raise BackupError(f"{self.settings.targets[repository - 1].name}: {found.problem}")
        start = self._start(found, to)
        if start is None:
            first = (
                f"the oldest one ended at {moment.said(found.backups[0].stop)}" if found.backups else "there is none"
            )
            raise BackupError(f"no backup reaches back to {to}: {first}")
        self._call(
            "restore",
            f"--repo={repository}",
            f"--set={start.label}",
            f"--pg1-path={into}",
            "--archive-mode=off",
            *target_options(to),
            *(f"--db-include={name}" for name in only_databases),
            *options,
            what="restore the cluster",
            seconds=RESTORE_SECONDS,
            into=into,
        )
        return start

    def _start(self, found: Repository, to: Moment) -> Backup | None:
        if to.backup:
            return next((backup for backup in found.backups if backup.label == to.backup), None)
        return found.before(to.when)

    def _alone(self, command: str, what: str) -> None:
        """Run a COMMAND that can't run beside one that archives, which the server may have started a moment ago."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                self._call(command, what=what)
                return
            except BackupError as error:
                if f"(its error {LOCKED})" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _rights(self, into: Path | None) -> Rights | None:
        """Return what it may outside, where it may restore INTO a folder; None where no target is elsewhere."""
        if all(target.kind == "path" for target in self.settings.targets):
            return None
        local = [target.path for target in self.settings.targets if target.kind == "path"]
        return Rights(SUPERUSER, writable=[*FOLDERS, *local, *([into] if into else [])])

    def _call(self, *arguments: str, what: str, seconds: float | None = None, into: Path | None = None) -> str:
        """Run it, and return what it wrote. Raises BackupError: that it could not do WHAT, and why."""
        whole = [f"--config={places.WHOLE}"] if places.WHOLE.exists() else []
        command = ["pgbackrest", *whole, f"--stanza={STANZA}", *LEVELS, *arguments]
        done = run(command, SUPERUSER, seconds=seconds, rights=self._rights(into))
        if done.returncode:
            raise BackupError(f"pgBackRest could not {what}: {reason(done.stderr or done.stdout)}")
        return done.stdout


def target_options(to: Moment) -> list[str]:
    """Return the options of a restore that say which moment is meant."""
    if to.backup:
        return ["--type=immediate", "--target-action=promote"]
    if to.point:
        return ["--type=name", f"--target={moment.CLUSTER_POINT}{to.point}", "--target-action=promote"]
    if to.time:
        stamp = to.time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        return ["--type=time", f"--target={stamp}", "--target-action=promote"]
    return ["--type=default"]
