# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The server of a scratch cluster: its settings, its transient unit, and the outcome of its recovery.

It runs twice. First it replays WAL, which the program of the backups fetches for it, over the network where the target is not on
this host; nobody can connect then, so nothing that is in the data can run. Then it serves root alone, without a network.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._backup import recovery
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.recovery import Recovered
from ansible_collections.slipway.flask.plugins.module_utils._backup.scratch_place import unit
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import SUPERUSER, run

FIRST_PORT = 54_320
"""The number is only in the name of the socket; nothing listens on a network."""
MEMORY_MB = 512
"""What it may have, the kernel's cache of its files included, which is given back before anything is refused."""
START_SECONDS = 300
LIVE = ("/var/lib/postgresql", "/run/postgresql", "/etc/postgresql")
"""The live clusters' files and sockets."""
PGBACKREST = ("/var/log/pgbackrest", "/var/spool/pgbackrest")
RECOVERY = re.compile(r"(restore_command|recovery_target\w*)\s*=")
"""What of postgresql.auto.conf is meant for this cluster; the rest is what ALTER SYSTEM has set in the live one."""
TARGET = re.compile(r"recovery_target(?!_timeline)")
CONTROL = re.compile(r"^(.+?):\s+(.*)$", re.MULTILINE)

# Nothing of the live cluster's settings is taken over. Without fsync a crash loses the cluster, which is thrown away anyway.
CONF = """\
data_directory = '{folder}/data'
hba_file = '{folder}/pg_hba.conf'
ident_file = '{folder}/pg_ident.conf'
listen_addresses = ''
unix_socket_directories = '{folder}'
unix_socket_permissions = 0700
port = {port}
archive_mode = off
archive_command = ''
hot_standby = off
wal_level = replica
max_wal_senders = 0
max_logical_replication_workers = 0
autovacuum = off
fsync = off
full_page_writes = off
synchronous_commit = off
shared_buffers = 32MB
maintenance_work_mem = 64MB
max_wal_size = 256MB
max_connections = 12
superuser_reserved_connections = 0
max_worker_processes = 2
max_parallel_workers = 0
max_locks_per_transaction = 1024
max_prepared_transactions = {prepared}
shared_preload_libraries = ''
session_preload_libraries = ''
local_preload_libraries = ''
jit = off
ssl = off
lc_messages = 'C'
logging_collector = off
log_destination = stderr
log_timezone = 'UTC'
log_min_messages = log
log_min_error_statement = panic
log_statement = none
cluster_name = 'slipway-scratch-{number}'
{more}"""
NOBODY = "local all all reject\n"
ROOT_ALONE = "local all all peer map=slipway\n"
"""The system user postgres, which root becomes, has its own role and the apps'."""


class Server:
    """The server of the scratch cluster with NUMBER in FOLDER; VERSION is PostgreSQL's major version, ROLES are the apps'."""

    def __init__(self, folder: Path, number: int, version: str, roles: Sequence[str] = ()) -> None:
        self.folder, self.number, self.roles = folder, number, roles
        self.programs = Path("/usr/lib/postgresql") / version / "bin"
        if not (self.programs / "postgres").exists():
            raise BackupError(f"the backup is of PostgreSQL {version}, whose server is not installed on this host")
        self.version = int(version)

    def client(self, program: str, role: str = "") -> list[str]:
        """Return how PROGRAM (psql, pg_dump, …) is called for this server, by the user postgres, as a ROLE or as its own."""
        return [str(self.programs / program), "--host", str(self.folder), "--port", str(FIRST_PORT + self.number),
                "--username", role or SUPERUSER]  # fmt: skip

    @property
    def _auto(self) -> Path:
        return self.folder / "data" / "postgresql.auto.conf"

    def _auto_lines(self) -> list[str]:
        return self._auto.read_text().splitlines(keepends=True)

    def configure(self) -> None:
        """Write its settings, for the recovery."""
        control = run([str(self.programs / "pg_controldata"), str(self.folder / "data")], user=SUPERUSER)
        facts = dict(CONTROL.findall(control))
        # A recovery fails with fewer than the live server had (manual, "Hot Standby").
        prepared = facts.get("max_prepared_xacts setting", "0").strip()
        more = "event_triggers = off\n" if self.version >= 17 else ""
        conf = CONF.format(
            folder=self.folder, port=FIRST_PORT + self.number, number=self.number, prepared=prepared, more=more
        )
        self._write(self._auto, "".join(line for line in self._auto_lines() if RECOVERY.match(line)))
        self._write(self.folder / "postgresql.conf", conf)
        self._write(self.folder / "pg_hba.conf", NOBODY)
        self._write(
            self.folder / "pg_ident.conf", "".join(f"slipway {SUPERUSER} {role}\n" for role in (SUPERUSER, *self.roles))
        )

    def recover(self, seconds: float, network: bool, some: bool, or_end: bool) -> Recovered:
        """Replay WAL to the moment that is wanted, and return how far that came.

        :param network: whether fetching WAL needs one.
        :param some: whether only some databases are there. Then WAL that changes pages of others, which are empty files, doesn't
            end the recovery; `lacking` tells afterwards whether those that are wanted were concerned.
        :param or_end: whether the end of WAL is good enough. A moment after the last transaction can't be found in it: on a
            quiet site everything may be there, and PostgreSQL refuses nevertheless.
        :raises BackupError: with what PostgreSQL said, when it did not get there within SECONDS.
        """
        deadline = time.monotonic() + seconds
        is_short = not self._replay(deadline, network, some)
        if is_short and or_end:
            self._write(self._auto, "".join(line for line in self._auto_lines() if not TARGET.match(line)))
            self._replay(deadline, network, some)
        elif is_short:
            raise BackupError("the WAL in the repository ends before the requested time")
        systemd.stop(unit(self.number))
        self._write(self._auto, "")
        with self._lines() as lines:
            return recovery.recovered("".join(line for line in lines if "LOG:" in line), is_short)

    def _replay(self, deadline: float, network: bool, some: bool) -> bool:
        """Run it until the recovery is over; return whether it came to the moment. Raises BackupError."""
        more = ["log_min_messages=warning", "log_error_verbosity=terse", *(["ignore_invalid_pages=on"] if some else [])]
        self._start(network, [f"ReadWritePaths=-{path}" for path in PGBACKREST], more)
        # To systemd it is ready as soon as the recovery begins; it opens when that is over.
        while not recovery.is_open(self.folder / "data"):
            if not systemd.is_active(unit(self.number)):
                why = self._why("")
                if recovery.SHORT in why:
                    return False
                raise BackupError(f"the restored cluster could not be recovered: {why}")
            if time.monotonic() > deadline:
                raise BackupError("replaying WAL took too long and was stopped")
            time.sleep(0.1)
        return True

    def lacking(self) -> dict[int, int]:
        """Return how many pages the backup lacked that WAL changes, by the number (oid) of their database."""
        with self._lines() as lines:
            return recovery.lacking(lines)

    def serve(self) -> None:
        """Run it for root alone. Raises BackupError."""
        self._write(self.folder / "pg_hba.conf", ROOT_ALONE)
        self._start(False, ["InaccessiblePaths=-/etc/pgbackrest", "PrivateTmp=yes"])

    def _start(self, network: bool, more: list[str], settings: Sequence[str] = ()) -> None:
        """Start it, and wait until it says it is ready. Raises BackupError with what PostgreSQL said."""
        properties = [
            "Type=notify", f"User={SUPERUSER}", f"Group={SUPERUSER}", f"TimeoutStartSec={START_SECONDS}",
            "KillSignal=SIGINT", "KillMode=mixed", "TimeoutStopSec=120", "RuntimeMaxSec=2d", "UMask=0077",
            f"StandardOutput=append:{self.folder}/log", f"StandardError=append:{self.folder}/log",
            "Nice=15", "CPUWeight=20", "IOWeight=10", "IOSchedulingClass=idle", f"MemoryMax={MEMORY_MB}M",
            "OOMPolicy=stop", "OOMScoreAdjust=900", "LimitCORE=0",
            f"PrivateNetwork={'no' if network else 'yes'}",
            f"RestrictAddressFamilies=AF_UNIX{' AF_INET AF_INET6' if network else ''}",
            "ProtectSystem=strict", "ProtectHome=read-only", f"ReadWritePaths={self.folder}",
            *(f"InaccessiblePaths=-{path}" for path in LIVE),
            "InaccessiblePaths=-/etc/slipway", "PrivateDevices=yes", "NoNewPrivileges=yes", "ProtectKernelTunables=yes",
            "ProtectKernelModules=yes", "ProtectControlGroups=yes", "LockPersonality=yes", "RestrictSUIDSGID=yes", *more,
        ]  # fmt: skip
        done = systemd.run(
            f"--unit={unit(self.number)}", "--quiet", "--collect",
            "--description=A scratch cluster of Slipway's, made from a backup",
            *(f"--property={one}" for one in properties), "--",
            str(self.programs / "postgres"), "-D", str(self.folder / "data"),
            "-c", f"config_file={self.folder}/postgresql.conf", *(word for one in settings for word in ("-c", one)),
        )  # fmt: skip
        if done.returncode:
            raise BackupError(f"the restored cluster does not start: {self._why(done.stderr)}")

    def _why(self, said: str) -> str:
        with self._lines() as lines:
            return recovery.trouble(lines) or (said.strip().splitlines() or ["it ended without a message"])[0]

    def _lines(self) -> IO[str]:
        """Open its log, which has a line for each page of a database that is left out."""
        path = self.folder / "log"
        path.touch(mode=0o600)
        return path.open(errors="replace")

    def _write(self, path: Path, text: str) -> None:
        owner = pwd.getpwnam(SUPERUSER)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
            os.fchown(out.fileno(), owner.pw_uid, owner.pw_gid)
