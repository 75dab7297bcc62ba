# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A scratch MariaDB: a server of its own beside the live one, for as long as a backup is looked at in it.

    with Scratch(size) as server:
        server.sql("SELECT 1;")

Its files and its socket are its own, it can't see the live one's, it has no network, and what it may use of the machine is little.
It is removed at the end; one whose owner was killed, by scratch_place.sweep.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil

from ansible_collections.slipway.flask.plugins.module_utils._backup import scratch_place
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.mariadb_load import Login, admission, password
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names

ACCOUNT = "mysql"
"""The system user that the server runs as."""
PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY_MB = 512
"""What it may have, the kernel's cache of its files included, which is given back before anything is refused."""
EMPTY_BYTES = 250 << 20
"""What a server without any data takes: system tables, redo and undo logs."""
GROWTH = 2
"""How much larger tables may be as they are loaded than they were."""
START_SECONDS, INSTALL_SECONDS = 300, 300
LIVE = ("/var/lib/mysql", "/run/mysqld", "/etc/mysql", "/etc/slipway", "/srv")
"""What it has no business with."""

# Nothing of the live server's settings is taken over. Without flushing, a crash loses what is thrown away anyway.
OPTIONS = (
    "--skip-networking", "--skip-log-bin", "--skip-name-resolve", "--local-infile=0", "--event-scheduler=OFF",
    "--innodb-buffer-pool-size=96M", "--innodb-log-file-size=48M", "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0", "--innodb-flush-method=fsync", "--aria-pagecache-buffer-size=8M", "--key-buffer-size=8M",
    "--performance-schema=OFF", "--max-connections=10", "--max-allowed-packet=1G", "--character-set-server=utf8mb4",
)  # fmt: skip


class Scratch(scratch_place.Place):
    """A server for databases of SIZE bytes together, inside `with`. Raises BackupError on entering."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __enter__(self) -> Scratch:
        scratch_place.sweep()
        scratch_place.room("a scratch MariaDB", EMPTY_BYTES + GROWTH * self.size)
        self.number, self._lock = scratch_place.claim()
        try:
            self._make()
        except BaseException:
            self.remove()
            raise
        return self

    @property
    def socket(self) -> str:
        return f"{self.folder}/socket"

    def sql(self, text: str, database: str = "") -> list[list[str]]:
        """Run SQL as its root; return rows of columns. Raises BackupError."""
        try:
            return names.sql(text, database, socket=self.socket)
        except names.MysqlError as error:
            raise BackupError(f"the scratch MariaDB refused: {error}") from None

    def database(self, name: str) -> Login:
        """Make the empty database NAME; return who may do everything in it, and nothing else. Raises BackupError."""
        login = Login(f"load_{secrets.token_hex(6)}", password(), self.socket)
        self.sql(f"CREATE DATABASE {names.identifier(name)} CHARACTER SET utf8mb4; {admission(login, name)}")
        return login

    def _make(self) -> None:
        owner = pwd.getpwnam(ACCOUNT)
        self.folder.mkdir(mode=0o711)  # whoever loads goes through it to the socket
        for path in (self.folder, self.folder / "data", self.folder / "tmp"):
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        install = shutil.which("mariadb-install-db", path=PROGRAMS)
        server = shutil.which("mariadbd", path=PROGRAMS)
        if not install or not server:
            raise BackupError("mariadb-server is not installed on this host: run site.yml")
        made = [
            install, "--no-defaults", f"--datadir={self.folder}/data", f"--tmpdir={self.folder}/tmp", "--skip-test-db",
            "--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--innodb-log-file-size=48M",
        ]  # fmt: skip
        # In a unit of its own: a drill's own leaves no server program what it needs.
        if said := self._run(made, ["--wait"], [f"RuntimeMaxSec={INSTALL_SECONDS}"]):
            raise BackupError(f"a scratch MariaDB can't be made: {said}")
        self._start(server)

    def _start(self, server: str) -> None:
        """Start it, and wait until it says it is ready. Raises BackupError with what it said."""
        command = [
            server, "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.socket}", f"--tmpdir={self.folder}/tmp",
            f"--pid-file={self.folder}/pid", f"--secure-file-priv={self.folder}/tmp", *OPTIONS,
        ]  # fmt: skip
        more = ["Type=notify", f"TimeoutStartSec={START_SECONDS}", "TimeoutStopSec=120", "RuntimeMaxSec=12h"]
        if said := self._run(command, [], more):
            raise BackupError(f"the scratch MariaDB does not start: {said}")

    def _run(self, command: list[str], options: list[str], more: list[str]) -> str:
        """Run COMMAND as the unit of its number, with MORE properties; return what went wrong, "" for nothing."""
        log = self.folder / "log"
        properties = [
            *more, f"User={ACCOUNT}", f"Group={ACCOUNT}", "UMask=0077", f"StandardOutput=append:{log}",
            f"StandardError=append:{log}",
            "Nice=15", "CPUWeight=20", "IOWeight=10", "IOSchedulingClass=idle", f"MemoryMax={MEMORY_MB}M", "OOMPolicy=stop",
            "OOMScoreAdjust=900", "LimitCORE=0", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX",
            "ProtectSystem=strict", "ProtectHome=yes", f"ReadWritePaths={self.folder}", "PrivateTmp=yes",
            *(f"InaccessiblePaths=-{path}" for path in LIVE), "PrivateDevices=yes", "NoNewPrivileges=yes",
            "CapabilityBoundingSet=", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes",
            "LockPersonality=yes", "RestrictSUIDSGID=yes",
        ]  # fmt: skip
        done = systemd.run(
            f"--unit={scratch_place.unit(self.number)}", "--quiet", "--collect", *options,
            "--description=A scratch MariaDB of Slipway's, made from a backup",
            *(f"--property={one}" for one in properties), "--", *command,
        )  # fmt: skip
        if not done.returncode:
            return ""
        lines = (
            [line for line in log.read_text(errors="replace").splitlines() if "ERROR" in line] if log.exists() else []
        )
        return (lines or [done.stderr.strip() or "it ended without a message"])[-1][-400:]
