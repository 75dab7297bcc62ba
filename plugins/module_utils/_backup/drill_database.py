# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of a drill that is about databases: the newest backup, brought to its newest WAL, against the live cluster.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import content, database, moment, wal
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import run
from ansible_collections.slipway.flask.plugins.module_utils._backup.content import Ask, Content
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.scratch import Scratch
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    psql_as,
)

SWITCH = "SELECT pg_walfile_name(pg_switch_wal() - 1);"
"""Has WAL archived up to here; in the cluster's databases, nothing is written. Where nothing has been since the last switch, it
answers the beginning of the next segment, which PostgreSQL before 17 counts to the one before."""
LIVE_SECONDS = 1800
"""How long all tables of an app may be counted in the live cluster; each has content.STATEMENT_SECONDS."""
SETTLED_SECONDS = 60
"""How long a session may take to tell the server's counters what it has written."""


class Databases:
    """The databases of the apps in SETTINGS. SAY is called with the progress; PROBLEMS collects problems, one sentence each."""

    def __init__(self, settings: Settings, say: Callable[[str], None], problems: list[str]) -> None:
        self.settings, self.say, self.problems = settings, say, problems
        self.facts: dict[str, Any] = {}
        self.apps = {app.name: app for app in settings.apps if app.database}
        self.cluster: Cluster = database.cluster_of(settings)

    def drill(self, target: int) -> dict[str, Any]:
        """Restore the newest backup at a TARGET, compare it, and return what is known of it.

        :raises BackupError: where that can't be done at all.
        """
        before = {name: content.read(self._live(app), app.database) for name, app in self.apps.items()}
        began = datetime.now(timezone.utc)
        segment = database.ask(self.cluster, SWITCH)
        if late := database.wait_archived(self.cluster, segment):
            self.problems.append(late)
        with Scratch(self.settings, target=target) as scratch:
            self._tell(scratch, began)
            restored = {name: self._restored(scratch, app) for name, app in self.apps.items()}
            self._compare(before, restored)
            for name, app in self.apps.items():
                self.say(f"  {name}: looking through tables and indexes (pg_amcheck)")
                self.problems += [f"{name}: {told}" for told in amcheck(scratch, app.database)]
        if scratch.repository:
            self.problems += self._gaps(scratch.repository)
        return self.facts

    def _live(self, app: AppData) -> Ask:
        """Return what asks the live cluster with an app's rights, in sessions that can only read."""

        def ask(name: str, sql: str) -> str:
            try:
                return psql_as(app.user, self.cluster, content.READ_ONLY + sql, name, LIVE_SECONDS)
            except PostgresError as error:
                raise BackupError(f"the database {name} can't be read: {error}") from None

        return ask

    def _tell(self, scratch: Scratch, began: datetime) -> None:
        backup = scratch.backup
        last = parsed(scratch.recovered.last)
        self.facts |= {
            "backup": backup.label if backup else "",
            "bytes": backup.size if backup else 0,
            "restore_seconds": round(scratch.restore_seconds, 1),
            "recovery_seconds": round(scratch.recovery_seconds, 1),
            "newest": last.strftime("%Y-%m-%dT%H:%M:%SZ") if last else "",
            "newest_age_seconds": round((began - last).total_seconds(), 1) if last else None,
            "databases": {},
        }

    def _restored(self, scratch: Scratch, app: AppData) -> Content | None:
        try:
            holds = content.read(lambda name, sql: scratch.sql(name, sql, user=app.user), app.database, most=None)
        except BackupError as error:
            self.problems.append(f"{app.name}: the restored database {app.database} can't be read: {error}")
            return None
        self.facts["databases"][app.name] = {"tables": len(holds.tables), "rows": holds.rows, "head": holds.head}
        return holds

    def _compare(self, before: dict[str, Content], restored: dict[str, Content | None]) -> None:
        """Compare, for as long as counters of the live cluster may be late."""
        deadline = time.monotonic() + SETTLED_SECONDS
        for app, holds in restored.items():
            while holds is not None:
                after = content.read(self._live(self.apps[app]), self.apps[app].database, count=False)
                told = list(content.differences(before[app], holds, after))
                if not told or time.monotonic() > deadline:
                    self.problems += [f"{app}: the restored database differs from the live one: {one}" for one in told]
                    break
                time.sleep(2)

    def _gaps(self, repository: Repository) -> list[str]:
        """Return whether WAL is missing that moments of the last days need."""
        since = first_segment(repository, self.settings.keep.days)
        if not since:
            return []
        missing = wal.gap(PgBackRest(self.settings).segments(repository, since), since)
        if not missing:
            return []
        return [
            f"the WAL segment {missing} is missing: moments after it and before the next backup can't be restored; the next "
            "backup fixes that, or run `ansible-playbook playbooks/backup.yml -e full=true` now"
        ]


def first_segment(repository: Repository, days: int) -> str:
    """Return the first WAL segment of the oldest backup that ended in the last DAYS, or of the newest; "" without any.

    Older ones have only the WAL that makes them consistent.
    """
    if not repository.backups:
        return ""
    since = moment.now() - timedelta(days=days)
    chosen = next((backup for backup in repository.backups if backup.stop >= since), repository.backups[-1])
    return chosen.wal[0]


def amcheck(scratch: Scratch, name: str) -> list[str]:
    """Return what pg_amcheck finds wrong with the database NAME: each row, and each index against its table."""
    argv = [*scratch.server.client("pg_amcheck"), "--no-password", "--install-missing", "--heapallindexed", "--jobs=1"]
    done = run([*argv, f"--database={name}"], SUPERUSER)
    if not done.returncode:
        return []
    lines = [line.strip() for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    shown = " ".join(lines[:2]) if lines else "no details given"
    return [f"pg_amcheck found the restored database damaged: {shown[:400]}"]


def parsed(stamp: str) -> datetime | None:
    """Return a time as PostgreSQL logs it (2026-11-26 12:45:02.763427+00), None for none."""
    try:
        return datetime.strptime(stamp + "00" if stamp[-3:-2] in "+-" else stamp, "%Y-%m-%d %H:%M:%S.%f%z")
    except ValueError:
        return None
