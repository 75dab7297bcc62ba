# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with backups is found and named, in a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import (
    check,
    check_targets,
    check_wal,
    database,
    places,
    scratch_place,
    state,
)
from ansible_collections.slipway.flask.plugins.module_utils._backup.check import Check
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.pgbackrest import Backup, PgBackRest, Repository
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic, Snapshot
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import AppData, Settings, Target
from ansible_collections.slipway.flask.plugins.module_utils._backup.state import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._host import calendar, systemd

NOW = datetime(2026, 11, 26, 14, tzinfo=timezone.utc)
WEEK = 7 * 86_400.0


class Host:
    """What a host's backups look like; all is well until a test changes something."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "mnt"
        self.target.mkdir()
        self.data = folder / "data"
        (self.data / "pg_wal/archive_status").mkdir(parents=True)
        self.settings = Settings(
            "vps1", [Target("path", str(self.target))], "horse-battery-staple", apps=[AppData("shop", "shop", "shop")]
        )
        self.point: datetime | None = NOW - timedelta(minutes=30)
        self.full: datetime | None = NOW - timedelta(days=1)
        self.restic = self.problem = self.pgbackrest = ""
        self.archiver: dict[str, Any] = {
            "archived_at": NOW.timestamp() - 20, "failed_at": None, "mode": "on",
            "command": "pgbackrest --stanza=slipway archive-push %p", "data": str(self.data),
        }  # fmt: skip
        self.units = dict.fromkeys((f"{name}.timer" for name in check.UNITS.values()), {"ActiveState": "active"})

    def snapshots(self, *_: Any) -> list[Snapshot]:
        if self.restic:
            raise BackupError(self.restic)
        return [Snapshot("1", self.point, (), ("app:shop",))] if self.point else []

    def info(self, *_: Any) -> list[Repository]:
        if self.pgbackrest:
            raise BackupError(self.pgbackrest)
        backups = [Backup("20261125F", "full", self.full, self.full, 9, 3)] if self.full else []
        return [Repository(1, backups, self.problem)]

    def found(self, now: datetime = NOW) -> list[str]:
        return [
            one.text.replace(str(self.target), "AT")
            for one in Check(self.settings, now).problems()
            if not one.is_covered
        ]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(tmp_path)
    for name in ("STATE", "SCRATCH"):
        monkeypatch.setattr(places, name, tmp_path / name.lower())
    monkeypatch.setattr(places, "METRICS", tmp_path / "metrics" / "backups.prom")
    monkeypatch.setattr(check_wal, "SPOOL", tmp_path / "spool")
    monkeypatch.setattr(Restic, "snapshots", made.snapshots)
    monkeypatch.setattr(PgBackRest, "info", made.info)
    monkeypatch.setattr(database, "cluster_of", lambda settings: None)
    monkeypatch.setattr(database, "archiver", lambda cluster: made.archiver)
    monkeypatch.setattr(systemd, "properties", lambda unit, *_: made.units.get(unit, {"ActiveState": "inactive"}))
    monkeypatch.setattr(calendar, "next_time", lambda expression, after=None: (after or NOW.timestamp()) + WEEK)
    (tmp_path / "state").mkdir()
    (tmp_path / "spool").mkdir()
    return made


def test_nothing_is_said_when_all_is_well(host: Host) -> None:
    assert host.found() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"point": NOW - timedelta(hours=2, minutes=1)},
         "AT: shop: its newest restore point is from 2026-11-26 11:59 UTC, and one is due every 1 h: make one now with "
         "`ansible-playbook playbooks/backup.yml`, and see `journalctl -u slipway-backup` on the host"),
        ({"full": NOW - timedelta(days=2, minutes=1)},
         "AT: the newest backup of PostgreSQL is from 2026-11-24 13:59 UTC, and one is due every day: make one now with "
         "`ansible-playbook playbooks/backup.yml`"),
        ({"restic": "restic could not list what is in X: the passphrase is not the one that the repository was created with"},
         "AT: the passphrase is not the one that its repository was created with; set slipway_backups.passphrase to that "
         "one and run site.yml"),
        ({"problem": "[FormatError] unable to load info file '/x/backup.info' or '/x/backup.info.copy'"},
         "AT: the passphrase is not the one that its repository was created with; set slipway_backups.passphrase to that "
         "one and run site.yml"),
        ({"restic": "restic took longer than 120 s and was stopped"},
         "AT: it can't be reached; check that it is up, or mounted (restic took longer than 120 s and was stopped)"),
        ({"pgbackrest": "pgBackRest could not read the repositories: unable to connect to 'x:443': timeout"},
         "AT: it can't be reached; check that it is up, or mounted (pgBackRest could not read the repositories: unable to "
         "connect to 'x:443': timeout)"),
    ],
    ids=["an old point", "an old backup", "restic's passphrase", "pgBackRest's passphrase", "away", "away from pgBackRest"],
)  # fmt: skip
def test_what_is_wrong_at_a_target_is_named(host: Host, changes: dict[str, Any], said: str) -> None:
    vars(host).update(changes)
    assert host.found() == [said]


def test_a_new_host_has_time_for_its_first_backup(host: Host) -> None:
    host.point = host.full = None
    ready = places.STATE / "ready.json"
    ready.touch()
    made = datetime.fromtimestamp(ready.stat().st_mtime, timezone.utc)
    assert host.found(made + timedelta(hours=1)) == []
    assert "it has no restore point, and one is due every 1 h" in host.found(made + timedelta(hours=3))[0]
    assert any("PostgreSQL has no backup" in text for text in host.found(made + timedelta(days=3)))


def test_a_disk_that_is_nearly_full_is_named_before_it_is(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk:
        total, free = 40 * 10**9, 10**9

    monkeypatch.setattr(check_targets.shutil, "disk_usage", lambda path: Disk)
    assert host.found() == [
        "AT is nearly full: 1.0 GB of 40.0 GB are free; free some space there, or keep less (slipway_backups.keep)"
    ]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"failed_at": NOW.timestamp() - 5}, "",
         "WAL has not been archived since 2026-11-26 13:59:40 UTC, so later changes would be lost with this host: "
         "pgBackRest failed"),
        ({"failed_at": NOW.timestamp() - 5}, "104\nunable to write '/mnt/x': [28] No space left on device\n",
         "would be lost with this host: AT: it is full; free some space there"),
        ({"failed_at": NOW.timestamp() - 60}, "", ""),
        ({"mode": "off"}, "", "PostgreSQL has to be restarted once for that (archive_mode)"),
        ({"mode": "off", "command": ""}, "", "WAL is not archived: PostgreSQL is not configured for it; run site.yml"),
        ({"command": "/bin/true"}, "", "WAL is not archived: PostgreSQL is not configured for it; run site.yml"),
    ],
    ids=["it fails", "it fails and says why", "it has failed and goes on", "off until a restart", "off", "another's"],
)  # fmt: skip
def test_wal_that_is_not_archived_is_named(host: Host, changes: dict[str, Any], error: str, said: str) -> None:
    host.archiver |= changes
    if error:
        (check_wal.SPOOL / "00000001000000000000000B.error").write_text(error)
    found = host.found()
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_wal_that_waits_for_long_is_named(host: Host) -> None:
    waiting = host.data / "pg_wal/archive_status/00000001000000000000000B.ready"
    waiting.touch()
    begun = datetime.fromtimestamp(waiting.stat().st_mtime, timezone.utc)
    seen = check_targets.Seen()
    assert list(check_wal.problems(host.settings, seen, begun + timedelta(seconds=299))) == []
    late = list(check_wal.problems(host.settings, seen, begun + timedelta(seconds=301)))
    assert "1 segments are waiting" in late[0].text
    assert seen.waiting == 1


def test_how_the_last_run_and_the_last_drill_failed_is_said_until_the_next_one_is_well(host: Host) -> None:
    Outcome("run", "", "2026-11-26T13:00:00Z", problems=["shop: 1 files could not be read: /x"]).write()
    Outcome("drill", "", "2026-11-26T04:00:00Z", problems=["AT: a backup is damaged"]).write()
    assert host.found() == [
        "the run of 2026-11-26 13:00 UTC failed: shop: 1 files could not be read: /x",
        "the drill of 2026-11-26 04:00 UTC failed: AT: a backup is damaged",
    ]
    Outcome("run", "", "2026-11-26T13:30:00Z").write()
    Outcome("drill", "", "2026-11-26T13:30:00Z").write()
    assert host.found() == []


def test_what_a_target_that_is_away_did_to_the_run_is_not_said_twice(host: Host) -> None:
    said = f"restic could not save to {host.target}: connection refused"
    Outcome("run", "", "2026-11-26T13:00:00Z", problems=[f"shop: {said}"]).write()
    host.restic = said
    assert len(host.found()) == 1
    host.restic = ""
    assert "the run of 2026-11-26 13:00 UTC failed" in host.found()[0]


def test_a_drill_that_is_late_is_said_unless_none_is_wanted(host: Host) -> None:
    Outcome("drill", "", "2026-11-12T13:00:00Z").write()
    assert host.found() == [
        "the last drill was on 2026-11-12 13:00 UTC, and one is due every 7 days: see `journalctl -u slipway-backup-drill` on "
        "the host, or run one now: `slipway-backup drill` there"
    ]
    host.settings = Settings(**{**vars(host.settings), "drill": ""})
    assert host.found() == []


def test_a_timer_that_does_not_run_and_a_run_that_was_cut_short_are_said(host: Host) -> None:
    host.units["slipway-backup.timer"] = {"ActiveState": "inactive"}
    host.units["slipway-backup.service"] = {"ActiveState": "failed", "Result": "oom-kill"}
    assert host.found() == [
        "slipway-backup.timer is not active, so there is no run: run site.yml",
        "slipway-backup.service failed (oom-kill): see `journalctl -u slipway-backup` on the host",
    ]


def test_a_check_keeps_its_result_writes_the_metrics_and_removes_what_killed_drills_have_left(host: Host) -> None:
    host.restic = f"{host.target} said horse-battery-staple"
    left = places.SCRATCH / "1"
    left.mkdir(parents=True)
    Check(host.settings, NOW).run()
    kept = state.outcome("check")
    assert kept is not None
    assert [text.replace(str(host.target), "AT") for text in kept.problems] == ["AT: it said …"]
    assert "slipway_backup_problems 1\n" in places.METRICS.read_text()
    assert not left.exists()


@pytest.mark.parametrize(
    ("seconds", "said"), [(90, "90 s"), (300, "5 min"), (3 * 3600, "3 h"), (WEEK, "7 days"), (5400, "90 min")]
)
def test_a_span_is_told_as_a_person_does(seconds: float, said: str) -> None:
    assert check.span(seconds) == said


def test_a_disk_must_hold_what_is_restored_beside_what_is_kept_for_the_sites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        free = 3 << 30

    monkeypatch.setattr(places, "SCRATCH", tmp_path / "scratch")
    monkeypatch.setattr(scratch_place.shutil, "disk_usage", lambda path: Disk)
    scratch_place.room("a drill", 2 << 30)
    with pytest.raises(BackupError, match=r"a drill needs 2\.1 GB in .*, where 3\.2 GB are free and 1\.1 GB are kept"):
        scratch_place.room("a drill", (2 << 30) + 1)


@pytest.mark.parametrize(
    ("ended", "problems", "told"),
    [
        ("2026-11-26T13:00:00Z", [], False),  # the unit failed after it, and left no word
        ("2026-11-26T13:05:00Z", [], True),  # a run by hand went well since
        ("2026-11-26T13:00:00Z", ["shop: it can't be read"], True),
    ],
)
def test_a_unit_that_failed_is_named_unless_an_outcome_says_more(
    monkeypatch: pytest.MonkeyPatch, ended: str, problems: list[str], told: bool
) -> None:
    failed = state.time_of("2026-11-26T13:02:00Z").timestamp()
    monkeypatch.setattr(check.timer, "moments", lambda *_: {"InactiveEnterTimestamp": failed})
    assert check.is_told(state.Outcome("run", ended, ended=ended, problems=problems), "slipway-backup.service") is told
    assert not check.is_told(None, "slipway-backup.service")
