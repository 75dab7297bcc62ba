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


def test_the_services_have_no_network_of_the_host_s(host, exposed):
    """What goes there has a unit and a user of its own; tests/slow/test_backup_targets.py looks at those."""
    services = {"slipway-backup.service", "slipway-backup-check.service"}
    assert {name for name in exposed if name.startswith("slipway-backup")} == services
    for name in services:
        assert host.check_output("systemctl show --property=PrivateNetwork --value %s", name) == "yes"
