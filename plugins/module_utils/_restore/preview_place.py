# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where a preview's copy of its app's database is made: one at a time on a host, under names that no app can have.

Whatever a killed run has left there is known by these names alone, and goes with the next run or with the next expiry.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import swap
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    identifier,
    psql,
)

NAME = "slipway_copy"
"""The system user, role and database of the copy while it has what the app's database has. An app's name has no underscore."""
READY = "slipway_preview"
"""The anonymous copy, which is the preview's, until it takes its place."""
FOLDER = Path("/var/lib/slipway/preview-copy")
"""There while a copy is made: dumps, the command's environment, and the name of the cluster."""
UNIT = f"{NAME}.service"
"""In which the command runs."""


@contextmanager
def held(wait: bool = True) -> Iterator[bool]:
    """Be the only one who makes a copy; without WAIT, yield whether nobody else does. The kernel drops it with its holder."""
    FOLDER.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle = os.open(FOLDER.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def begin(cluster: Cluster) -> None:
    """Make the folder, which says from now on that there may be something to remove on CLUSTER."""
    FOLDER.mkdir(mode=0o711)
    FOLDER.chmod(0o711)
    (FOLDER / "cluster").write_text(f"{cluster.version}/{cluster.name}")


def end() -> None:
    """Remove all that there is; the lock must be held. Raises BackupError."""
    if not FOLDER.is_dir():
        return
    systemd.stop(UNIT)
    try:
        wanted = (FOLDER / "cluster").read_text()
    except OSError:
        wanted = ""  # killed before there was anything on it
    if wanted:
        cluster = swap.cluster_of(wanted)
        for database in (NAME, READY):
            swap.drop(cluster, database)
        try:
            psql(cluster, f"DROP ROLE IF EXISTS {identifier(NAME)};\n")
        except PostgresError as error:
            raise BackupError(f"the role {NAME} can't be dropped: {error}") from None
    shutil.rmtree(FOLDER)


def is_there() -> bool:
    """Tell whether a copy is being made, or a killed run has left one."""
    return FOLDER.is_dir()


def sweep() -> None:
    """Remove what a killed run has left; nothing while one is under way. Raises BackupError."""
    if not is_there():
        return
    with held(wait=False) as free:
        if free:
            end()
