# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Backups of a site that serves: what is saved, what is told, and what goes wrong at a target, on a disk, in a run.

The tests run in the file's order on one host. What goes wrong is seen on one release, the main line on both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import backup_site
import pytest
from backup_site import NOTES, PASSPHRASE, SHARED, TARGETS, Site, last
from faults import DOMAIN
from helpers import Host, Project, Visitor, Watch, wait_for

pytestmark = pytest.mark.once("13")

FIRST, SECOND = TARGETS
RESTIC = "restic --no-cache --password-file /etc/slipway/backup/passphrase"
SPIED = PASSPHRASE.replace("-93-", "-9[3]-")
"""Finds it, but not the shell that looks for it."""
WAITING = "ls /var/lib/postgresql/*/main/pg_wal/archive_status/*.ready 2>/dev/null | wc -l"
"""Counts the segments of WAL that are not archived yet."""


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site with a day of its life: rows, uploads, and a SQLite file whose rows are in its log."""
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.mount()
    made.backups = {}
    made.describe()
    project.good("site.yml")
    return made


@pytest.fixture
def watch(site: Site) -> Iterator[Watch]:
    """A visitor who is there all the time and must always be served."""
    with Watch(Visitor(site.host, DOMAIN), "/readyz") as watching:
        yield watching
    assert watching.failures == []
    assert watching.asked > 0


def started(host: Host) -> str:
    """Return when the database server's process began."""
    return host.run("systemctl show --property=ExecMainStartTimestampMonotonic --value 'postgresql@*'")


def repository(site: Site, target: str) -> str:
    return f"{RESTIC} -r {target}/{site.host.name}/restic"


def quiet(host: Host) -> None:
    """Let the first run end, which site.yml starts."""
    wait_for(lambda: host.ok("test -e /var/lib/slipway/backups/run.json"), backup_site.WAIT_SECONDS)
    host.run("flock /var/lib/slipway/backups/lock true")


def test_a_host_without_backups_says_so_and_has_nothing_of_them(site: Site) -> None:
    status = site.project.good("playbooks/status.yml")
    assert "nothing is backed up: set slipway_backups" in status.output
    assert "nothing is backed up" in site.project.good("playbooks/backups.yml").output
    refused = site.project.play("playbooks/backup.yml")
    assert refused.code != 0
    assert "nothing is backed up: set slipway_backups" in refused.output
    assert not site.host.ok(
        "command -v pgbackrest || command -v restic || ls /etc/slipway /usr/local/sbin/slipway-backup"
    )


def test_backups_come_to_a_site_that_serves_without_a_restart_and_only_once(site: Site, watch: Watch) -> None:
    before = started(site.host)
    site.backups = backup_site.BACKUPS
    site.describe()
    site.project.good("site.yml")
    assert started(site.host) == before
    quiet(site.host)
    assert last(site.host)["problems"] == []
    again = site.project.good("site.yml")
    assert again.count("changed") == 0, again.output


def test_a_restore_point_has_rows_uploads_and_sqlite_of_one_moment_at_every_target(site: Site) -> None:
    host = site.host
    site.call("Aurora")
    site.upload("chart.txt", "twelve fathoms")
    site.note("only in the log")
    outcome = site.back_up()
    point = outcome["facts"]["point"]
    assert outcome["problems"] == []
    listed = site.project.good("playbooks/backups.yml").output
    row = next(line for line in listed.splitlines() if point in line).split()
    assert row[1:3] == ["harbour", site.current()]
    assert row[3] == "0005"
    assert row[-2:] == ["1,", "2"]
    assert len(re.findall(r"Any moment from \S+ \S+ UTC to", listed)) == len(TARGETS)
    for target in TARGETS:
        read = f"{repository(site, target)} dump --tag point:{point},app:harbour latest"
        assert host.run(f"{read} {SHARED}/chart.txt") == "twelve fathoms"
        host.run(f"{read} /var/lib/slipway/staging/harbour/sqlite{NOTES} >/tmp/notes.db")
        script = "import sqlite3; print(sqlite3.connect('/tmp/notes.db').execute('select text from note').fetchall())"
        assert "only in the log" in host.run(f'python3 -c "{script}"; rm /tmp/notes.db')
        assert not host.ok(f"{read} {NOTES}"), "a raw SQLite file was saved"
    assert "newest restore point" in site.project.good("playbooks/status.yml").output


def test_the_timers_own_run_saves_a_sqlite_database_that_nobody_has_open(site: Site) -> None:
    """Opening it writes files beside it, and the timer's service may write nearly nowhere."""
    script = (
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('pragma journal_mode=wal'); "
        "c.execute('create table t (x)'); c.close()"
    )
    idle = "/var/lib/harbour-notes/idle.db"
    site.host.run(f'runuser -u harbour -- python3 -c "{script}" {idle}')
    site.host.run("systemctl start slipway-backup.service")
    assert last(site.host)["problems"] == []
    read = f"{repository(site, TARGETS[0])} ls --tag app:harbour latest"
    assert f"/var/lib/slipway/staging/harbour/sqlite{idle}" in site.host.run(read)
    site.host.run(f"rm {idle}*")


def test_wal_is_at_every_target_within_a_minute_of_a_change(site: Site) -> None:
    host = site.host
    site.call("Borealis")
    segment = site.sql("select pg_walfile_name(pg_current_wal_insert_lsn())")
    assert host.psql("show archive_timeout") == "50s"
    for target in TARGETS:
        wait_for(
            lambda at=target: host.ok(f"find {at}/{host.name}/pgbackrest/archive -name '{segment}-*' | grep -q ."), 120
        )


def test_no_secret_is_seen_by_others(site: Site) -> None:
    host = site.host
    # While a run is under way, all that others can read of processes, and all that is logged.
    host.run("systemctl start --no-block slipway-backup.service")
    spied = host.run(
        "n=0; while systemctl is-active --quiet slipway-backup.service || [ $n -lt 20 ]; do n=$((n+1)); "
        f"grep -las -- '{SPIED}' /proc/[0-9]*/cmdline || true; "
        f"runuser -u harbour -- grep -las -- '{SPIED}' /proc/[0-9]*/environ || true; sleep 0.1; done"
    )
    assert spied == ""
    quiet(host)
    assert last(host)["problems"] == [], "the timer's run can do less than one by hand"
    found = host.run(
        f"runuser -u harbour -- grep -rlas -- '{SPIED}' /etc /var /run /tmp /usr/local /mnt || true; "
        f"journalctl --no-pager | grep -c -- '{SPIED}' || true; grep -rlas -- '{SPIED}' /var/log /mnt /srv || true"
    )
    assert found.split() == ["0"]
    assert host.run(f"grep -rlas -- 'twelve fathoms' {FIRST} {SECOND} || true") == "", "it is not encrypted"


def test_a_migration_has_its_restore_point_which_a_rollback_over_it_names(site: Site) -> None:
    site.migration(
        "0006",
        "0005",
        'op.drop_column("port_calls", "berth")',
        'op.add_column("port_calls", sa.Column("berth", sa.Text()))',
    )
    output = site.deployed("-e", "allow_migrations=0006").output
    found = re.search(r"restore point (\d{8}T\d{6}Z-before-\S+) was made before the migration", output)
    assert found, output
    assert not site.host.ok("ls /var/backups/slipway/harbour/*.dump")
    assert found[1] in site.project.good("playbooks/backups.yml", "-e", "app=harbour").output
    refused = site.project.play("playbooks/rollback.yml")
    assert refused.code != 0
    assert f"-e app=harbour -e to={found[1]}" in refused.output
    assert "everything written since" in refused.output


def test_a_target_that_is_away_costs_the_site_nothing_and_is_told(site: Site, watch: Watch) -> None:
    host = site.host
    host.run(f"mv {SECOND} {SECOND}.away")
    site.call("Castor")
    failed = site.project.play("playbooks/backup.yml")
    assert failed.code != 0
    assert f"{SECOND}/{host.name} holds no repository: is its disk mounted?" in failed.output
    assert not host.ok(f"test -e {SECOND}"), "a run made a repository where the disk was not mounted"
    point = last(host)["facts"]["point"]
    assert point in host.run("slipway-backup list 2>/dev/null || true"), "the other target has no restore point"
    told = site.project.play("playbooks/status.yml")
    assert told.code != 0
    assert f"{SECOND}/{host.name}" in told.output


def test_a_target_that_is_away_for_long_costs_the_other_one_no_wal(site: Site, watch: Watch) -> None:
    """It is left out when half of what may wait does, and taken in again with a full backup when it is back."""
    host, conf = site.host, "/etc/pgbackrest/pgbackrest.conf"
    host.run(f"sed -i 's/^archive-push-queue-max=.*/archive-push-queue-max=96MiB/' {conf}")
    for number in range(3):
        site.call(f"Corona {number}")
        site.sql("select pg_switch_wal()")
    assert "is skipped until it is back" in host.run("slipway-backup check 2>&1 || true")
    assert not host.ok(f"grep -q {SECOND} {conf}")
    wait_for(lambda: host.run(WAITING) == "0", backup_site.WAIT_SECONDS)
    assert "is skipped until it is back" in site.project.play("playbooks/status.yml").output
    host.run(f"mv {SECOND}.away {SECOND}")
    host.run("slipway-backup check || true")
    assert host.ok(f"grep -q {SECOND} {conf}")
    outcome = site.back_up()
    assert outcome["problems"] == []
    assert outcome["facts"]["backups"][f"{SECOND}/{host.name}"].endswith("F")
    assert f"{FIRST}/{host.name}" not in outcome["facts"]["backups"], "it lacks nothing"
    host.run(f"mv {SECOND} {SECOND}.away")


def test_wal_that_waits_is_bounded_and_a_gap_is_mended_by_a_new_full_backup(site: Site, watch: Watch) -> None:
    host = site.host
    # As on a disk of a few hundred MB: three segments may wait; the check comes too late.
    host.run("systemctl stop slipway-backup-check.timer slipway-backup.timer")
    host.run("sed -i 's/^archive-push-queue-max=.*/archive-push-queue-max=48MiB/' /etc/pgbackrest/pgbackrest.conf")
    try:
        for number in range(8):
            site.call(f"Draco {number}")
            site.sql("select pg_switch_wal()")
        wait_for(lambda: int(host.run(WAITING)) <= 4, backup_site.WAIT_SECONDS)
    finally:
        host.run(f"mv {SECOND}.away {SECOND}")
    site.call("Electra")
    site.sql("select pg_switch_wal()")
    host.run("systemctl start slipway-backup-check.timer slipway-backup.timer")
    outcome = site.back_up()
    assert outcome["problems"] == []
    assert [note for note in outcome["notes"] if "was dropped while a target could not be reached" in note], outcome
    assert outcome["facts"]["backups"][f"{SECOND}/{host.name}"].endswith("F")
    site.project.good("site.yml")  # brings the limit back
    assert site.project.good("playbooks/status.yml").output


def test_a_run_that_is_killed_leaves_a_site_that_serves_and_the_next_run_is_whole(site: Site, watch: Watch) -> None:
    host = site.host
    host.run(f"head -c 60000000 /dev/urandom >{SHARED}/large.bin; chown harbour:harbour {SHARED}/large.bin")
    for program in ("restic", "pgbackrest"):
        run = "systemd-run --quiet --collect --unit=doomed /usr/local/sbin/slipway-backup run --full"
        host.run(
            f"{run}; timeout 60 sh -c 'until pgrep -x {program} >/dev/null; do sleep 0.01; done'; "
            "systemctl kill --signal=KILL doomed"
        )
        wait_for(lambda: not host.ok("systemctl is-active --quiet doomed"), 30)
        outcome = site.back_up()
        assert outcome["problems"] == [], program
        assert host.run("ls -A /var/lib/slipway/staging 2>/dev/null || true") == ""
        assert host.run(f"{repository(site, FIRST)} list locks") == ""
    host.run(f"rm {SHARED}/large.bin")


def test_a_full_target_fails_the_run_with_its_reason_and_nothing_else(site: Site, watch: Watch) -> None:
    host = site.host
    # No run of the timer's may have the target open when it goes.
    host.run("systemctl stop slipway-backup-check.timer slipway-backup.timer")
    quiet(host)
    host.run(
        f"cp -a {SECOND} {SECOND}.kept; umount {SECOND} 2>/dev/null || true; size=$(du -sm {SECOND} | cut -f1); "
        f"mount -t tmpfs -o size=$((size + 4))m tmpfs {SECOND}; cp -a {SECOND}.kept/. {SECOND}/"
    )
    try:
        host.run(f"head -c 30000000 /dev/urandom >{SHARED}/much.bin; chown harbour:harbour {SHARED}/much.bin")
        failed = site.project.play("playbooks/backup.yml", "-e", "full=true")
        assert failed.code != 0
        assert "no space left on device" in failed.output.lower(), failed.output
        assert last(host)["facts"]["point"] in host.run("slipway-backup list 2>/dev/null || true")
    finally:
        # The archiver may be writing to it at that moment.
        wait_for(lambda: host.ok(f"umount {SECOND}"), backup_site.WAIT_SECONDS)
        host.run(
            f"rm -rf {SECOND}.kept {SHARED}/much.bin; systemctl start slipway-backup-check.timer slipway-backup.timer"
        )
    assert site.back_up("-e", "full=true")["problems"] == []


def test_what_is_refused_is_refused_before_anything_changes(site: Site) -> None:
    sftp = {"host": "b.example.net", "user": "u", "path": "/b", "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nx",
            "host_key": "b.example.net ssh-ed25519 AAAAC3Nz"}  # fmt: skip
    cases = [
        ({"passphrase": "otter-93"}, "'passphrase' has fewer than 20 characters"),
        ({"to": []}, "'to' has 0 targets; give 1 to 4"),
        ({"every": "often"}, "'every' is 'often'; it must be a time from 5min to 1d"),
    ]
    if site.host.debian == "12":
        cases.append(({"to": [{"sftp": sftp}]}, "pgBackRest 2.45 of Debian 12 can't use SFTP"))
    before = site.host.run("sha256sum /etc/slipway/backup.json")
    for wrong, said in cases:
        site.backups = {**backup_site.BACKUPS, **wrong}
        site.describe()
        refused = site.project.play("playbooks/provision.yml")
        assert refused.code != 0
        assert said in " ".join(refused.output.split()), refused.output
        assert "otter-93" not in refused.output
    assert site.host.run("sha256sum /etc/slipway/backup.json") == before


def test_backups_go_as_they_came_and_what_is_at_the_targets_stays(site: Site, watch: Watch) -> None:
    host = site.host
    quiet(host)
    listed = f"find {FIRST} -type f"
    before, kept = started(host), set(host.run(listed).splitlines())
    site.backups = {}
    site.describe()
    site.project.good("site.yml")
    left = host.run(
        "ls -d /etc/slipway/backup* /etc/pgbackrest/slipway /etc/pgbackrest/pgbackrest.conf /usr/local/sbin/slipway-backup "
        "/var/lib/slipway/backups /etc/systemd/system/slipway-backup* /usr/local/lib/slipway/*/*/*/*/*/_backup/* 2>&- || true"
    )
    # The programs of a host share a folder; these are what the metrics read of backups, of which nothing is left to read.
    assert {Path(line).name for line in left.splitlines()} <= {"error.py", "places.py", "settings.py", "state.py"}, left
    assert started(host) == before
    assert host.psql("show archive_command") == "/bin/true"
    assert kept <= set(host.run(listed).splitlines())
    again = site.project.good("site.yml")
    assert again.count("changed") == 0, again.output
    assert "nothing is backed up" in site.project.good("playbooks/status.yml").output
