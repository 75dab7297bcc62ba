# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A drill restores what is at the target and finds it well; what is damaged, missing, full or locked is named and told once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from backup_site import PASSPHRASE, SHARED, WAIT_SECONDS, Site, last, only_by_hand
from helpers import Host, Project, wait_for

pytestmark = pytest.mark.once("12")

TARGET = "/mnt/first"
PORT = 9911
TOKEN = "t0ken-of-a-channel"
HOOK = f"""
from http.server import BaseHTTPRequestHandler, HTTPServer

class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        with open("/root/told", "ab") as file:
            file.write(content + b"\\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", {PORT}), Hook).serve_forever()
"""
HELD = """[Service]
ExecStartPost=+/bin/sh -c 'grep -q peer /var/lib/slipway/scratch/1/pg_hba.conf || exit 0; touch /run/held; \\
  while [ -e /run/hold ]; do sleep 0.1; done'
"""
"""Has whoever starts the restored server wait, for as long as a test looks at it."""


WRITTEN = "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables"


class Drilled(Site):
    """The site with backups at one target, a small disk of its own, and a webhook on the host."""

    backups = {
        "to": [{"path": TARGET}],
        "passphrase": PASSPHRASE,
        "drill": "2035-01-07 04:00",
        "notifications": [{"url": f"http://127.0.0.1:{PORT}/{TOKEN}"}],
    }

    @property
    def repository(self) -> str:
        return f"{TARGET}/{self.host.name}"

    def drill(self) -> dict[str, Any]:
        """Make a drill as the timer does, and return what the host keeps of it."""
        self.host.ask("systemctl start slipway-backup-drill.service")
        return last(self.host, "drill")

    def well(self) -> None:
        """Make a drill that is well again."""
        assert self.drill()["problems"] == []
        assert self.host.run("slipway-backup check") == "all is well"

    def told(self) -> list[str]:
        """Return what the webhook was told since the last time."""
        said = self.host.run("cat /root/told 2>/dev/null; rm -f /root/told")
        return [json.loads(line)["text"] for line in said.splitlines()]

    def write(self, ship: str) -> str:
        """Write a row, and have its WAL segment archived; return the segment's name."""
        self.call(ship)
        segment = self.sql("select pg_walfile_name(pg_switch_wal() - 1)")
        wait_for(
            lambda: self.sql(f"select last_archived_wal >= '{segment}' from pg_stat_archiver") == "t", WAIT_SECONDS
        )
        return segment

    def left(self) -> str:
        """Return what there is of scratch clusters."""
        return self.host.run("ls /var/lib/slipway/scratch; systemctl list-units --all --no-legend 'slipway-scratch-*'")


@pytest.fixture(scope="module")
def site(host: Host, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """The provisioned site with its first backup; only what a test starts runs there."""
    made = Drilled(tmp_path_factory.mktemp("app") / "harbour", project)
    made.mount([TARGET])
    host.run(f"mountpoint -q {TARGET} || mount -t tmpfs -o size=300m tmpfs {TARGET}")
    host.run(f"cat >/root/hook.py <<'E'\n{HOOK}\nE\nsystemd-run --quiet --unit=hook python3 /root/hook.py")
    made.describe()
    project.good("site.yml")
    only_by_hand(host)
    made.upload("invoice.txt", "42 euros")
    made.note("kept in SQLite")
    made.sql("delete from ships")
    for number in range(3):
        made.call(f"ship {number}")
    # What was changed within two seconds before a snapshot isn't compared.
    wait_for(lambda: host.ok(f"test $(($(date +%s) - $(stat -c %Z {SHARED}/invoice.txt))) -gt 3"), WAIT_SECONDS)
    host.run("systemctl start slipway-backup.service")
    made.told()
    yield made
    host.ask(f"systemctl stop hook; umount -l {TARGET}")


def test_a_drill_restores_what_is_there_and_says_what_it_saw(site: Drilled) -> None:
    site.write("newest")
    before = site.sql(WRITTEN)
    outcome = site.drill()
    assert outcome["problems"] == []
    facts = outcome["facts"]["targets"][site.repository]
    held = facts["database"]["databases"]["harbour"]
    assert held["head"] == site.sql("select version_num from alembic_version")
    assert held["rows"] >= 4
    assert facts["database"]["newest"]
    assert facts["files"]["harbour"]["files"] >= 1
    assert facts["files"]["harbour"]["sqlite"] == 1
    assert facts["files"]["the host"]["files"] >= 1
    assert site.left() == ""
    # Nothing was written to the live database.
    assert site.sql(WRITTEN) == before
    assert "slipway_backup_drill_success 1" in site.host.run("cat /var/lib/slipway/metrics/backups.prom")
    assert site.told() == []
    shown = site.project.good("playbooks/status.yml").output
    assert "the drill" in shown and "passed" in shown
    assert "Last drill: " in site.project.good("playbooks/backups.yml").output


def test_the_restored_server_is_alone_and_one_whose_owner_was_killed_is_removed(site: Drilled) -> None:
    folder = "/run/systemd/system/slipway-scratch-1.service.d"
    site.host.run(
        f"mkdir -p {folder}; rm -f /run/held; touch /run/hold; cat >{folder}/held.conf <<'E'\n{HELD}E\nsystemctl daemon-reload"
    )
    site.host.run("systemctl start --no-block slipway-backup-drill.service")
    wait_for(lambda: site.host.ok("test -e /run/held"), WAIT_SECONDS)
    shown = site.host.run("systemctl show -p PrivateNetwork,Nice,MemoryMax slipway-scratch-1.service").splitlines()
    assert sorted(shown) == ["MemoryMax=536870912", "Nice=15", "PrivateNetwork=yes"]
    asked = "psql -h /var/lib/slipway/scratch/1 -p 54321 -Atc"
    assert site.host.run(f"runuser -u postgres -- {asked} 'show archive_mode'") == "off"
    assert site.host.run(f"runuser -u postgres -- {asked} 'show autovacuum'") == "off"
    assert not site.host.ok(f"runuser -u harbour -- {asked} 'select 1'")
    main = site.host.run("systemctl show -p MainPID --value slipway-scratch-1.service")
    inside = f"nsenter -t {main} -m -n -- "
    assert not site.host.ok(f"{inside} ls /var/lib/postgresql/*/main")
    assert "scope global" not in site.host.run(f"{inside} ip -o addr")
    site.host.run("systemctl kill --signal=KILL slipway-backup-drill.service; rm /run/hold")
    site.host.run(f"rm -r {folder}; systemctl daemon-reload")
    assert "slipway-scratch-1.service" in site.left()
    site.host.ask("slipway-backup check")
    assert site.left() == ""
    assert "slipway-backup-drill.service failed" in "".join(site.told())
    site.well()
    assert [text.rpartition(": ")[2] for text in site.told()] == ["all is well again"]


@pytest.fixture
def spoiled(site: Drilled) -> Iterator[Drilled]:
    """The site, which a test spoils: what is wrong was told once, and no more when it is looked for again."""
    assert site.told() == []
    yield site


def once(site: Drilled, *words: str) -> None:
    """Require that a check tells what is wrong in one message, with all WORDS."""
    site.host.ask("slipway-backup check")
    (text,) = site.told()
    for word in words:
        assert word in text


def damage(site: Drilled, folder: str, which: str = "") -> str:
    """Spoil the largest of the files below a FOLDER of the repository, of those that find calls so; return its path."""
    found = f"find {site.repository}/{folder} -type f {which} -printf '%s %p\\n'"
    size, _, path = site.host.run(f"{found} | sort -n | tail -1").partition(" ")
    site.host.run(
        f"cp -p {path} /root/kept; printf spoiled | dd of={path} bs=1 seek={int(size) // 2} conv=notrunc 2>&1"
    )
    return path


def test_a_damaged_file_of_the_repository_is_found_by_the_drill(spoiled: Drilled) -> None:
    site = spoiled
    path = damage(site, "pgbackrest/backup", "! -name '*.manifest*' ! -name '*.info*'")
    (problem, *_) = site.drill()["problems"]
    assert problem.startswith(f"{site.repository}: backup ")
    assert "a backup is damaged" in problem
    assert "ansible-playbook playbooks/backup.yml -e full=true" in problem
    once(site, "the drill of ", "a backup is damaged")
    status = site.project.play("playbooks/status.yml")
    assert status.code and "a backup is damaged" in status.output
    site.host.run(f"cp -p /root/kept {path}")
    site.well()
    assert len(site.told()) == 1
    assert site.left() == ""


def test_a_file_of_the_repository_of_uploads_that_is_damaged_is_found_by_the_drill(spoiled: Drilled) -> None:
    site = spoiled
    path = damage(site, "restic/data")
    problems = site.drill()["problems"]
    assert any("a backup is damaged" in problem for problem in problems), problems
    site.host.run(f"cp -p /root/kept {path}")
    site.told()
    site.well()
    site.told()


def test_a_segment_of_wal_that_is_missing_is_found_and_named_by_the_drill(spoiled: Drilled) -> None:
    site = spoiled
    segment = site.write("lost")
    site.write("after it")
    path = site.host.run(f"find {site.repository}/pgbackrest/archive -name '{segment}-*'")
    site.host.run(f"mv {path} /root/kept")
    (problem,) = site.drill()["problems"]
    assert f"the WAL segment {segment} is missing" in problem
    once(site, segment)
    site.host.run(f"mv /root/kept {path}")
    site.well()
    assert len(site.told()) == 1


def test_another_passphrase_is_found_by_the_check(spoiled: Drilled) -> None:
    site = spoiled
    files = "/etc/pgbackrest/pgbackrest.conf /etc/slipway/backup/passphrase /etc/slipway/backup.json"
    site.host.run(f"sed -i s/{PASSPHRASE}/another-one-altogether-1234/ {files}")
    done = site.host.ask("slipway-backup check")
    assert done.returncode == 1
    assert f"{site.repository}: the passphrase is not the one that its repository was created with" in done.stderr
    once(site, "set slipway_backups.passphrase to that one and run site.yml")
    site.host.run(f"sed -i s/another-one-altogether-1234/{PASSPHRASE}/ {files}")
    site.write("with the passphrase again")
    assert site.host.run("slipway-backup check") == "all is well"
    assert len(site.told()) == 1


def test_a_target_that_is_full_is_found_by_the_check(spoiled: Drilled) -> None:
    site = spoiled
    site.host.ask(f"dd if=/dev/zero of={TARGET}/filler bs=1M")
    site.call("while it is full")
    failed = site.sql("select failed_count from pg_stat_archiver")
    site.sql("select pg_switch_wal()")
    wait_for(lambda: site.sql(f"select failed_count > {failed} from pg_stat_archiver") == "t", WAIT_SECONDS)
    said = site.host.ask("slipway-backup check").stderr
    assert f"{site.repository} is nearly full: " in said
    assert "free some space there, or keep less (slipway_backups.keep)" in said
    assert "WAL has not been archived since " in said
    assert site.answers()
    site.host.run(f"rm {TARGET}/filler")
    site.write("when there is room again")
    assert site.host.run("slipway-backup check") == "all is well"
    assert "is nearly full" in site.told()[0]


def test_a_disk_that_can_not_hold_what_is_restored_refuses_the_drill_before_it_begins(spoiled: Drilled) -> None:
    site = spoiled
    site.host.run("mount -t tmpfs -o size=64m tmpfs /var/lib/slipway/scratch")
    problems = site.drill()["problems"]
    assert any("a scratch cluster needs" in problem and "mount a larger disk there" in problem for problem in problems)
    assert site.left() == ""
    site.host.run("umount /var/lib/slipway/scratch")
    site.well()


def test_no_secret_is_in_what_was_written_or_told(site: Drilled) -> None:
    for secret in (PASSPHRASE, TOKEN):
        assert not site.host.ok(f"journalctl --no-pager | grep -q -- {secret}")
        assert not site.host.ok(f"grep -rq -- {secret} /var/lib/slipway /var/log/pgbackrest /var/log/postgresql")
    assert site.host.run(f"cat {SHARED}/invoice.txt") == "42 euros"
