# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The files of a database server that come back on a bare host, and the recovery that makes them whole.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import time
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import recovery
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import SUPERUSER, Cluster

LOOK_SECONDS = 0.2
RECOVERY_SECONDS = 21_600
"""Longest time that replaying WAL may take."""
UNIT = "slipway-recovery.service"
LOG = Path("/var/log/postgresql/slipway-recovery.log")
BESIDES = re.compile(r"\s*(archive_mode|restore_command|recovery_target\w*)\s*=")
"""Lines that a restore adds to postgresql.auto.conf, which are for the recovery alone."""
ARCHIVE = "pgbackrest --stanza=slipway --pg1-path={data} archive-push %p"


def adopt(repository: Path) -> None:
    """Give a repository on a disk of the old host to this host's user postgres, which may have another number."""
    owner = pwd.getpwnam(SUPERUSER)
    if repository.is_dir() and repository.stat().st_uid != owner.pw_uid:
        for folder, names, files in os.walk(repository):
            for path in (folder, *(os.path.join(folder, name) for name in (*names, *files))):
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def clear(data: Path) -> None:
    """Make the folder of a cluster's files anew, empty."""
    owner = pwd.getpwnam(SUPERUSER)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700, parents=True)
    os.chown(data, owner.pw_uid, owner.pw_gid)


def replace(data: Path, new: Path) -> None:
    """Put the folder NEW in the place of DATA; both servers have ended."""
    old = data.with_name(f"{data.name}.empty")
    shutil.rmtree(old, ignore_errors=True)
    data.rename(old)
    new.rename(data)
    shutil.rmtree(old)


def recover(cluster: Cluster, data: Path) -> str:
    """Replay all WAL, begin a new timeline, and have its beginning archived; return the time of the last transaction.

    Nobody can connect meanwhile. Archiving is on, for without the new timeline's history file in the repository a next restore
    would follow the old one. Raises BackupError.
    """
    LOG.unlink(missing_ok=True)
    configuration = cluster.folder / "postgresql.conf"
    auto = data / "postgresql.auto.conf"
    auto.write_text(
        "".join(line for line in auto.read_text().splitlines(keepends=True) if not line.startswith("archive_mode"))
    )
    settings = {
        "config_file": str(configuration), "data_directory": str(data), "hot_standby": "off", "archive_mode": "on",
        "archive_command": ARCHIVE.format(data=data), "listen_addresses": "", "external_pid_file": "",
        "logging_collector": "off", "log_destination": "stderr",
        "log_timezone": "UTC", "lc_messages": "C", "unix_socket_directories": str(data),
    }  # fmt: skip
    systemd.stop(UNIT)
    done = systemd.run(
        f"--unit={UNIT}", "--quiet", "--collect", "--description=The database server comes back from its backups",
        "--property=Type=notify", f"--property=User={SUPERUSER}", f"--property=TimeoutStartSec={RECOVERY_SECONDS}",
        "--property=KillSignal=SIGINT", "--property=KillMode=mixed", "--property=TimeoutStopSec=600",
        f"--property=StandardOutput=append:{LOG}", f"--property=StandardError=append:{LOG}", "--",
        str(cluster.programs / "postgres"), "-D", str(data), *(f"--{key}={value}" for key, value in settings.items()),
    )  # fmt: skip
    deadline = time.monotonic() + RECOVERY_SECONDS
    while not done.returncode and not recovery.is_open(data) and time.monotonic() < deadline:
        if not systemd.is_active(UNIT):
            break
        time.sleep(LOOK_SECONDS)
    opened, log = recovery.is_open(data), LOG.read_text(errors="replace") if LOG.exists() else ""
    systemd.stop(UNIT)
    if not opened:
        why = recovery.trouble(log.splitlines()) or done.stderr.strip() or "replaying WAL took too long"
        raise BackupError(f"the restored database server does not start: {why}")
    auto.write_text("".join(line for line in auto.read_text().splitlines(keepends=True) if not BESIDES.match(line)))
    LOG.unlink(missing_ok=True)
    return recovery.recovered(log).last
