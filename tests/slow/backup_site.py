# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The site that backups, restores and drills are tested on: the sample app with uploads, a SQLite file, and two targets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import faults
from helpers import Host, wait_for

TARGETS = ("/mnt/first", "/mnt/second")
"""Folders on the host that stand for two mounted disks."""
PASSPHRASE = "velvet-anchor-93-otter-lamp-quiet"
BACKUPS: dict[str, Any] = {"to": [{"path": path} for path in TARGETS], "passphrase": PASSPHRASE, "drill": ""}
DESCRIPTION: dict[str, Any] = {
    **faults.DESCRIPTION,
    "health_timeout_seconds": 60,
    "workers": 1,
    "writable_paths": ["/var/lib/harbour-notes"],
}
SHARED = "/srv/harbour/shared/uploads"
NOTES = "/var/lib/harbour-notes/notes.db"
"""A SQLite database of the app's, in WAL mode."""
WAIT_SECONDS = 120


class Site(faults.App):
    """The app as it is tested; `backups` is what `slipway_backups` holds, {} for none."""

    description, backups = DESCRIPTION, BACKUPS

    def describe(self, **changes: Any) -> None:
        app = {**self.description, "source": {"path": str(self.folder)}, **changes}
        more = {"slipway_backups": self.backups} if self.backups else {}
        self.project.write({"slipway_apps": [app], **more, **self.server})

    def mount(self, targets: Sequence[str] = TARGETS) -> None:
        """Make the targets' folders."""
        self.host.run(f"mkdir -p {' '.join(targets)}")

    def back_up(self, *arguments: str) -> Mapping[str, Any]:
        """Make a backup now, and return what the host keeps of the run."""
        self.project.good("playbooks/backup.yml", *arguments)
        return last(self.host)

    def sql(self, statement: str, database: str = "harbour") -> str:
        return self.host.psql(statement, database)

    def call(self, ship: str) -> None:
        """Add a row that is known by its name."""
        self.sql(f"insert into ships (name, flag, created_at) values ('{ship}', 'NO', now())")

    def ships(self, database: str = "harbour") -> list[str]:
        return self.sql("select name from ships order by id", database).splitlines()

    def upload(self, name: str, text: str) -> None:
        self.host.run(f"printf %s '{text}' >{SHARED}/{name}; chown harbour:harbour {SHARED}/{name}")

    def note(self, text: str) -> None:
        """Write a row into the SQLite file, which stays in its write-ahead log."""
        script = (
            "import sqlite3,sys,os; c=sqlite3.connect(sys.argv[1]); c.execute('pragma journal_mode=wal'); "
            "c.execute('create table if not exists note (text)'); c.execute('insert into note values (?)', [sys.argv[2]]); "
            "c.commit(); os._exit(0)"
        )
        self.host.run(f'runuser -u harbour -- python3 -c "{script}" {NOTES} "{text}"')


def only_by_hand(host: Host) -> None:
    """Put the timers' runs off for good: from then on only what a test starts runs on HOST."""
    for timer in ("slipway-backup", "slipway-backup-check"):
        folder = f"/run/systemd/system/{timer}.timer.d"
        late = "[Timer]\\nOnActiveSec=\\nOnUnitActiveSec=\\nOnCalendar=2035-01-01\\n"
        host.run(f"mkdir -p {folder}; printf '{late}' >{folder}/late.conf")
    host.run("systemctl daemon-reload; systemctl restart slipway-backup.timer slipway-backup-check.timer")
    # A run that the timer has begun saves what there was before: one that is started meanwhile would be no other.
    wait_for(
        lambda: host.run("systemctl show -p ActiveState --value slipway-backup.service") == "inactive", WAIT_SECONDS
    )


def last(host: Host, what: str = "run") -> dict[str, Any]:
    """Return what a host keeps of its last run, drill or check."""
    found: dict[str, Any] = json.loads(host.run(f"cat /var/lib/slipway/backups/{what}.json"))
    return found
