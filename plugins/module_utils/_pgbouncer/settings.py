# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A pool's pgbouncer.ini, who may enter it, and its unit.

A pool runs as its app's own system user: PostgreSQL lets it in by peer authentication as that user and nobody else, so no
password exists and no app's pool reaches another app's database. Source: pgbouncer.org, "config", 1.18 to 1.24.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names

HEADER = "Managed by Ansible (slipway.flask.pgbouncer)."
PREPARED_SINCE = (1, 21)
"""From this version on, statements that a driver prepares work in transaction mode (max_prepared_statements)."""
PREPARED = 200
WAIT_SECONDS = 30
"""How long a client waits for a free connection: as long as gunicorn gives a request."""
FILES_BESIDE = 100
"""File descriptors beyond those of clients and servers."""


@dataclass(frozen=True)
class Pool:
    """One wanted pool: SIZE connections to DATABASE of the server whose socket is in SERVER, for so many CLIENTS of USER."""

    name: str
    user: str
    database: str
    size: int = 20
    clients: int = 500
    settings: Mapping[str, Any] = field(default_factory=dict)
    server: str = "/var/run/postgresql"
    port: int = 5432

    @classmethod
    def of(cls, entry: Mapping[str, Any], server: str, port: int) -> Pool:
        """Return the one that an ENTRY, which has no `names.problems`, describes."""
        name = str(entry["name"])
        return cls(
            name, str(entry.get("user") or name), str(entry.get("database") or name), int(entry.get("size") or cls.size),
            int(entry.get("clients") or cls.clients), dict(entry.get("settings") or {}), server, port,
        )  # fmt: skip


def value_text(value: Any) -> str:
    """Return a setting's VALUE as pgbouncer.ini has it."""
    return {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)


def conf_text(pool: Pool, version: tuple[int, ...]) -> str:
    """Return pgbouncer.ini of POOL for the VERSION that is installed."""
    settings: dict[str, Any] = {
        "listen_addr": "",  # no TCP
        "listen_port": names.PORT,
        "unix_socket_dir": names.folder(pool.name),
        "unix_socket_mode": "0700",
        "auth_type": "hba",
        "auth_hba_file": names.config(pool.name, "hba"),
        "auth_file": names.config(pool.name, "users"),
        "pool_mode": "transaction",
        "default_pool_size": pool.size,
        "max_db_connections": pool.size,  # whatever pools there are
        "max_client_conn": pool.clients,
        "query_wait_timeout": WAIT_SECONDS,
        "ignore_startup_parameters": "extra_float_digits",  # some drivers send it, and it changes nothing since 12
        "log_connections": 0,
        "log_disconnections": 0,
        "log_stats": 0,
        **({"max_prepared_statements": PREPARED} if version >= PREPARED_SINCE else {}),
        **pool.settings,
    }
    lines = [f"{name} = {value_text(value)}".rstrip() + "\n" for name, value in settings.items()]
    database = f"{pool.database} = host={pool.server} port={pool.port} dbname={pool.database} user={pool.user}\n"
    return f"; {HEADER}\n[databases]\n{database}\n[pgbouncer]\n{''.join(lines)}"


def hba_text(pool: Pool) -> str:
    """Return who may enter: the app's own user, as the kernel says who it is."""
    return f"# {HEADER}\nlocal all {pool.user} peer\n"


def users_text(pool: Pool) -> str:
    """Return the roles that the pool knows, without a password: PgBouncer has no comments in this file."""
    return f'"{pool.user}" ""\n'


def unit_text(pool: Pool) -> str:
    """Return the unit of POOL."""
    return UNIT.format(
        header=HEADER, name=pool.name, user=pool.user, config=names.config(pool.name),
        runtime=names.folder(pool.name).removeprefix("/run/"), files=pool.clients + pool.size + FILES_BESIDE,
    )  # fmt: skip


UNIT = """\
# {header}
[Unit]
Description=PgBouncer {name}
After=postgresql.service
# Never give up: what made it end may be over in an hour.
StartLimitIntervalSec=0

[Service]
Type=notify
User={user}
Group={user}
RuntimeDirectory={runtime}
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=restart
ExecStart=/usr/sbin/pgbouncer {config}
# New sizes and settings, with all connections as they are.
ExecReload=/bin/kill -HUP $MAINPID
# What is in the middle of a transaction comes to its end.
KillSignal=SIGINT
TimeoutStopSec=60
Restart=always
RestartSec=100ms

# Limits
LimitNOFILE={files}
LimitCORE=0
TasksMax=16
MemoryMax=128M
OOMScoreAdjust=-500

# Files: all is read-only but its socket; homes and devices are not there.
UMask=0077
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
InaccessiblePaths=-/run/dbus -/srv
ReadOnlyPaths=-/run/lock

# There is no network: clients and the server are on sockets of this host.
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX

# Rights: none beyond the user's own, and no way to more. Who asks is the kernel's word, so users stay as they are.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
RemoveIPC=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
