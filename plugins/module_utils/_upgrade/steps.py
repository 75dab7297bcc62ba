# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an upgrade and the way back from it have in common: apps ended and started, the old cluster put in place.

Each is good to be done again. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._nginx.maintenance import MaintenanceError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import apps as apps_of
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import backups, clusters
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.apps import App
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.journal import Journal

TROUBLE = (PostgresError, MaintenanceError, systemd.HostError, backups.BackupError, OSError, subprocess.SubprocessError)
"""What a step may end with that a person has to be told."""


class Steps:
    """The cluster that serves APPS is about to change. BY is who asks for it."""

    def __init__(self, apps: Sequence[App], by: str) -> None:
        self.apps, self.by = apps, by

    def end_workers(self, todo: Journal) -> None:
        """Have workers end their jobs, while the sites are open: they may take long."""
        self.note_units(todo)
        apps_of.end(self.apps, but_web=True)

    def note_units(self, todo: Journal) -> None:
        """Write down what runs, to start it again: a restart of the host or a deploy may have come after a run that broke off."""
        todo.units += [unit for unit in apps_of.running(self.apps) if unit not in todo.units]
        todo.write()

    def close(self, todo: Journal) -> None:
        """Close the sites, and end what answers visitors: its connections would end with the server."""
        todo.closed_at = todo.closed_at or time.time()
        todo.sites += [name for name in apps_of.sites(self.apps) if name not in todo.sites and not apps_of.closed(name)]
        todo.write()
        apps_of.close(self.apps, self.by)
        apps_of.end(self.apps)

    def start(self, todo: Journal) -> None:
        """Start what answers visitors, and see that it is well."""
        apps_of.start(filter(apps_of.is_web, apps_of.to_start(todo.units)))
        apps_of.wait_until_well(self.apps)

    def open(self, todo: Journal) -> None:
        """Let visitors in, and start workers and timers."""
        apps_of.reopen(todo.sites, self.by)
        if todo.closed_at:
            todo.closed_seconds = todo.closed_seconds or round(time.time() - todo.closed_at, 1)
        todo.write()
        apps_of.start(apps_of.to_start(todo.units))

    def run_old(self, todo: Journal) -> None:
        """Have the old cluster run at its port, whatever was done to it."""
        old = clusters.there(todo.old)
        if not old.online:
            clusters.stop(old)
        if old.port != todo.port or "auto" not in (old.folder / "start.conf").read_text().split():
            clusters.stop(old)
            old = clusters.place(old, todo.port, clusters.AUTO)
        clusters.start(old)
