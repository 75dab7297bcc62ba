# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role leaves on a host that has no app of Slipway's: a timer, restore points, and secrets that only root reads."""

from __future__ import annotations

import json
from typing import Any

from testinfra.host import Host

PASSPHRASE = "nobody-reads-this-one-in-a-log"


def run(host: Host) -> dict[str, Any]:
    """Make a restore point, and return what the host keeps of the run."""
    host.check_output("slipway-backup run")
    found: dict[str, Any] = json.loads(host.file("/var/lib/slipway/backups/run.json").content_string)
    return found


def test_a_run_makes_a_restore_point_of_database_and_folder(host: Host) -> None:
    assert host.service("slipway-backup.timer").is_enabled
    assert host.service("slipway-backup.timer").is_running
    outcome = run(host)
    assert outcome["problems"] == []
    listed = host.check_output("slipway-backup list shop")
    assert outcome["facts"]["point"] in listed


def test_what_was_saved_can_be_read_with_restic_alone(host: Host) -> None:
    point = run(host)["facts"]["point"]
    restic = "restic -r /mnt/backup/slipway-backups-13/restic --password-file /etc/slipway/backup/passphrase --no-cache"
    text = host.check_output(f"{restic} dump --tag point:{point},app:shop latest /srv/shop-files/invoice.txt")
    assert text == "42 euros"


def test_only_root_and_the_database_read_the_secrets(host: Host) -> None:
    refused = "runuser -u shop -- grep -rls -- %s /etc/slipway /etc/pgbackrest /var/lib/slipway /mnt/backup"
    assert host.run(refused, PASSPHRASE).stdout == ""
    assert host.file("/etc/pgbackrest/pgbackrest.conf").mode == 0o640
    assert host.run("journalctl --no-pager | grep -c -- %s", PASSPHRASE).stdout.strip() == "0"
    # Neither is it in what was saved: that is encrypted.
    assert host.run("grep -rl -- %s /mnt/backup", "42 euros").stdout == ""


MOST_EXPOSED = 2.0
"""Of systemd-analyze security, from 0 to 10. 2.0 can't be: they read what belongs to others, become their users, and go to the
network, whose addresses nobody knows beforehand (2.2 with nothing but these rights left)."""


def test_the_services_have_only_the_rights_that_a_backup_needs(exposed):
    assert {name for name in exposed if name.startswith("slipway-backup")} == {
        "slipway-backup.service",
        "slipway-backup-check.service",
    }
    assert {name: level for name, level in exposed.items() if level > MOST_EXPOSED} == {}
