# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The configuration of an instance of Redis and its unit: what it is for decides about memory and the disk.

Sources: redis.io, "Key eviction", "Redis persistence", "Redis administration" and "ACL"; redis.conf of 6.0 to 8.0.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._redis import names

HEADER = "# Managed by Ansible (slipway.flask.redis_server).\n"
SHARES = {"queue": 8, "cache": 16}
"""Purpose -> which part of the host's memory is its `maxmemory`: 128 and 64 MiB of 1 GiB."""
BOUNDS_MB = (32, 4096)
"""Least and greatest `maxmemory` in MiB that is computed; more is somebody's decision."""
BESIDE_MB = 64
"""What Redis takes beside `maxmemory`, in MiB: its code, its clients' buffers, fragmentation."""

PURPOSES: dict[str, dict[str, Any]] = {
    # Nothing is thrown away ("Key eviction": noeviction), and a change is answered when it is on the disk. `everysec` does not
    # only lose a second in a power cut: while the disk is slow, Redis keeps what it has acknowledged in its own memory for up
    # to two seconds ("Asynchronous AOF fsync is taking too long"), so that `kill -9` loses it as well.
    "queue": {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always"},
    # The least recently used goes first, and nothing is kept over a restart.
    "cache": {"maxmemory-policy": "allkeys-lru", "appendonly": "no"},
}

RIGHTS = (
    "+@all -@admin -migrate -restore -restore-asking +client +config|get +slowlog +lastsave +bgsave +bgrewriteaof +role"
)
"""What whoever gets in may do: all with keys, scripts and channels, and looking. CONFIG SET (which can write files), MODULE,
REPLICAOF, DEBUG, ACL, SHUTDOWN and MONITOR are @admin's; MIGRATE connects to other servers, RESTORE and
RESTORE-ASKING, which is the same, read forged dumps."""


@dataclass(frozen=True)
class Instance:
    """One wanted instance. USERS are the system users that may connect; memory in MiB, 0 is a part of the host's."""

    name: str
    purpose: str = "queue"
    users: Sequence[str] = ()
    memory_mb: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Instance:
        """Return the one that an ENTRY, which has no `names.problems`, describes; its user's default is its name."""
        return cls(
            str(entry["name"]), str(entry.get("purpose") or "queue"), tuple(entry.get("users") or [entry["name"]]),
            int(entry.get("memory_mb") or 0), dict(entry.get("settings") or {}),
        )  # fmt: skip

    def maxmemory_mb(self, host_mb: int) -> int:
        """Return its `maxmemory` on a host with HOST_MB of memory, both in MiB."""
        low, high = BOUNDS_MB
        return self.memory_mb or min(max(host_mb // SHARES[self.purpose], low), high)

    def most_mb(self, host_mb: int) -> int:
        """Return the memory that all of its processes may take, in MiB.

        A rewrite of the append-only file can need as much again ("Redis administration": up to two times the memory).
        """
        times = 2 if self.purpose == "queue" else 1
        return self.maxmemory_mb(host_mb) * times + BESIDE_MB


def value_text(value: Any) -> str:
    """Return a setting's VALUE as redis.conf has it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def conf_text(instance: Instance, host_mb: int, version: tuple[int, ...]) -> str:
    """Return redis.conf of INSTANCE for the VERSION of Redis that is installed."""
    channels = "" if version < (6, 2) else " &*"  # channels have had rights of their own since 6.2
    settings: dict[str, Any] = {
        "port": 0,
        "unixsocket": names.socket(instance.name),
        "unixsocketperm": 770,
        "supervised": "systemd",
        "daemonize": "no",
        "dir": names.data_folder(instance.name),
        "maxmemory": f"{instance.maxmemory_mb(host_mb)}mb",
        "save": '""',  # what has to last is in the append-only file
        # When memory ends, the kernel takes the process that rewrites the file and not the one that answers.
        "oom-score-adj": "yes",
        **PURPOSES[instance.purpose],
        **instance.settings,
    }
    lines = [f"{name} {value_text(value)}\n" for name, value in settings.items()]
    return HEADER + "".join(lines) + f"user default on nopass ~*{channels} {RIGHTS}\n"


def unit_text(instance: Instance, host_mb: int, systemd: int) -> str:
    """Return the unit of INSTANCE: Debian's redis-server@.service with a user, a folder and a place of its own each.

    SYSTEMD is the number of its version.
    """
    run = names.runtime_folder(instance.name)
    acl = ",".join(f"u:{user}:x,d:u:{user}:rw" for user in instance.users)
    return UNIT.format(
        header=HEADER, name=instance.name, user=names.account(instance.name), config=names.config(instance.name),
        purpose=instance.purpose, state=names.data_folder(instance.name).removeprefix("/var/lib/"),
        runtime=run.removeprefix("/run/"), run=run, acl=acl, memory=instance.most_mb(host_mb),
        pauses=PAUSES if systemd >= PAUSES_SINCE else "",
    )  # fmt: skip


PAUSES_SINCE = 254
PAUSES = """\
# Longer and longer pauses: one that can't read its data should not fill the journal.
RestartSteps=8
RestartMaxDelaySec=30
"""

UNIT = """\
{header}[Unit]
Description=Redis {name} ({purpose})
# Never give up: what made it end, such as a full disk, may be over in an hour.
StartLimitIntervalSec=0

[Service]
# It is ready when it has read its data.
Type=notify
TimeoutStartSec=15min
User={user}
Group={user}
RuntimeDirectory={runtime}
RuntimeDirectoryMode=0710
RuntimeDirectoryPreserve=restart
StateDirectory={state}
StateDirectoryMode=0700
# They may connect to the socket; nobody else even sees it.
ExecStartPre=+/usr/bin/setfacl --remove-all --modify {acl} {run}
ExecStart=/usr/bin/redis-server {config}
TimeoutStopSec=2min
Restart=always
RestartSec=100ms
{pauses}
# Limits. When the kernel kills the process that rewrites the append-only file, the one that answers need not end.
MemoryMax={memory}M
OOMPolicy=continue
LimitNOFILE=16384
LimitCORE=0
TasksMax=64

# Files: all is read-only but its data and its socket; homes and devices are not there.
UMask=0077
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
InaccessiblePaths=-/run/dbus
ReadOnlyPaths=-/run/lock

# There is no network: nothing to listen on, and no other server to be made a replica of.
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX

# Rights: none beyond the user's own, and no way to more.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
RemoveIPC=yes
PrivateIPC=yes
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
