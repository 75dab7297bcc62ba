# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where everything of the backups is on a host. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

from pathlib import Path

SETTINGS = Path("/etc/slipway/backup.json")
"""All that the host's programs need, secrets among it: root's, 0600."""
SECRETS = Path("/etc/slipway/backup")
"""restic's password, SSH keys and authorities, for root alone."""
CONFIGURATION = Path("/etc/pgbackrest/pgbackrest.conf")
WHOLE = Path("/etc/pgbackrest/whole.conf")
"""The same with all targets, while one is left out of archiving; see `parking`."""
KEYS = Path("/etc/pgbackrest/slipway")
"""SSH keys and authorities as pgBackRest reads them, as the user postgres."""
STATE = Path("/var/lib/slipway/backups")
"""What happened last, and the lock, for root alone."""
STAGING = Path("/var/lib/slipway/staging")
"""What is made ready for a snapshot: an app's user passes through it to the one folder below that is its own."""
CACHE = Path("/var/cache/slipway/restic")
METRICS = Path("/var/lib/slipway/metrics/backups.prom")
SCRATCH = Path("/var/lib/slipway/scratch")
PROGRAM = Path("/usr/local/sbin/slipway-backup")
STANZA = "slipway"
"""What pgBackRest calls the host's cluster."""
MANIFEST = "point.json"
