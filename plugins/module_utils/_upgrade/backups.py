# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is saved before an upgrade, and how the host's backups go on with another cluster.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import places, setup, state
from ansible_collections.slipway.flask.plugins.module_utils._backup import settings as backup_settings
from ansible_collections.slipway.flask.plugins.module_utils._backup.command import BackupError as BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError

UNIT = "slipway-backup-after-upgrade.service"
TAIL = 1000


def make() -> None:
    """Make a restore point of everything. Raises PostgresError with what was said when that fails."""
    done = subprocess.run([str(places.PROGRAM), "run"], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise PostgresError(f"the backup failed: {(done.stderr or done.stdout).strip()[-TAIL:]}")


@contextmanager
def none_meanwhile() -> Iterator[None]:
    """Keep the host's own backups away; waits for one that is under way."""
    if not backup_settings.read():
        yield
        return
    with state.alone():
        yield


def dump(cluster: Cluster, to: Path) -> None:
    """Write all databases and roles of CLUSTER to a compressed file of root's. Raises PostgresError."""
    new = to.with_suffix(".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        command = [str(cluster.programs / "pg_dumpall"), "-p", str(cluster.port)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, **names.as_user(names.SUPERUSER),
        ) as dumping:  # fmt: skip
            packed = subprocess.run(
                ["gzip", "-1"], stdin=dumping.stdout, stdout=file, stderr=subprocess.PIPE, check=False
            )
            said = dumping.stderr.read().decode(errors="replace") if dumping.stderr else ""
    if dumping.returncode or packed.returncode:
        new.unlink()
        why = said.strip() or packed.stderr.decode(errors="replace").strip()
        raise PostgresError(f"the dump before the upgrade failed: {why[-TAIL:]}")
    new.replace(to)


def follow(before: str, after: str) -> list[str]:
    """Have the backups, if the host has any, go on with the cluster AFTER in place of BEFORE; return what to mind.

    Repositories keep what they have of the other. It may take long: a target may not answer.
    """
    settings = backup_settings.read()
    if not settings or not settings.has_cluster:
        return []
    notes = []
    if settings.cluster == before:
        settings = replace(settings, cluster=after)
        state.write(places.SETTINGS, settings.as_text())
        notes.append(f"postgres_server_cluster is {before}: set it to {after} before the next run of site.yml")
    try:
        setup.prepare(settings, anew=True)
    except BackupError as error:
        notes.append(f"backups have not resumed yet: {error}. Fix it, and run `site.yml -e backups=anew`")
    return notes


def begin() -> list[str]:
    """Begin a full backup without waiting for it, if the host has backups: no older one reaches the new cluster."""
    settings = backup_settings.read()
    if not settings or not settings.has_cluster:
        return []
    done = systemd.run("--no-block", "--collect", f"--unit={UNIT}", "--nice=10", str(places.PROGRAM), "run", "--full")
    if done.returncode:
        return [f"the full backup could not be started: {done.stderr.strip()}. playbooks/backup.yml makes one"]
    return ["a full backup was started; until it is done, no later time than now can be restored"]
