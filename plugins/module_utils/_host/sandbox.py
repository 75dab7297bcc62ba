# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sandbox of an app's service, and how the app's own commands run in the same one.

A command takes its sandbox from the service's unit file, so that what an administrator or `service_directives` change
there holds for commands too. SERVICE is what the role gunicorn_systemd writes, for a unit that says less.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd

SERVICE: dict[str, tuple[str, ...]] = {
    "UMask": ("0027",),
    "LimitCORE": ("0",),
    "ProtectSystem": ("strict",),
    "ReadOnlyPaths": ("-/run/lock",),
    "ProtectHome": ("yes",),
    "PrivateTmp": ("yes",),
    "TemporaryFileSystem": ("/dev/shm:rw,nosuid,nodev,noexec,mode=1777,size=50%",),
    "PrivateDevices": ("yes",),
    "DevicePolicy": ("closed",),
    "NoNewPrivileges": ("yes",),
    "CapabilityBoundingSet": ("",),
    "AmbientCapabilities": ("",),
    "PrivateUsers": ("yes",),
    "RestrictSUIDSGID": ("yes",),
    "RestrictNamespaces": ("yes",),
    "RestrictRealtime": ("yes",),
    "LockPersonality": ("yes",),
    "MemoryDenyWriteExecute": ("yes",),
    "KeyringMode": ("private",),
    "RemoveIPC": ("yes",),
    "PrivateIPC": ("yes",),
    "ProtectProc": ("invisible",),
    "InaccessiblePaths": ("-/run/dbus",),
    "ProcSubset": ("pid",),
    "ProtectClock": ("yes",),
    "ProtectHostname": ("yes",),
    "ProtectControlGroups": ("yes",),
    "ProtectKernelLogs": ("yes",),
    "ProtectKernelModules": ("yes",),
    "ProtectKernelTunables": ("yes",),
    "RestrictAddressFamilies": ("AF_UNIX AF_INET AF_INET6",),
    "SystemCallArchitectures": ("native",),
    "SystemCallFilter": (
        "@system-service",
        "~@privileged @resources",
        "@chown nice setpriority ioprio_set sched_setaffinity sched_setattr sched_setparam "
        "sched_setscheduler setrlimit",
    ),
    "SystemCallErrorNumber": ("EPERM",),
}
"""Setting of systemd.exec(5) -> its lines, as in roles/gunicorn_systemd/templates/app@.service.j2."""

FURTHER = (
    "BindPaths", "BindReadOnlyPaths", "ExecPaths", "IPAddressAllow", "IPAddressDeny", "NoExecPaths",
    "PrivateNetwork", "RestrictFileSystems", "RestrictNetworkInterfaces", "SocketBindAllow",
    "SocketBindDeny", "SupplementaryGroups",
)  # fmt: skip
"""Settings that commands share with the service where its unit has them (drop-ins, service_directives)."""

NOT_OF_COMMANDS = {
    "Type": "a command is no service: nobody waits for its READY=1",
    "NotifyAccess": "as Type",
    "Sockets": "where the service's requests come from",
    "ExecCondition": "a release that does not serve yet has commands too",
    "User": "given by the caller",
    "Group": "given by the caller",
    "WorkingDirectory": "given by the caller: a release that does not serve yet has commands too",
    "RuntimeDirectory": "the sockets are the service's; when a command ended, systemd would remove the folder",
    "RuntimeDirectoryMode": "as RuntimeDirectory",
    "Environment": "given by the caller",
    "EnvironmentFile": "given by the caller",
    "ExecStartPre": "as RuntimeDirectory",
    "ExecStart": "the command itself",
    "OOMScoreAdjust": "what serves can be started again; a migration that is ended half-way can't",
    "TimeoutStartSec": "a command has RuntimeMaxSec",
    "KillMode": "a command has no requests to end: systemd's default ends all of its processes",
    "TimeoutStopSec": "as KillMode",
    "Restart": "a command runs once",
    "RestartSec": "as Restart",
    "FileDescriptorStoreMax": "as RuntimeDirectory",
    "RuntimeDirectoryPreserve": "as RuntimeDirectory",
    "ExecStop": "as KillMode",
    "ExecStopPost": "as RuntimeDirectory",
    "SuccessExitStatus": "as Restart",
    "SyslogIdentifier": "what a command prints goes to its caller",
    "LogRateLimitIntervalSec": "as SyslogIdentifier",
    "LimitNOFILE": "a limit for connections, not a right",
    "TasksMax": "a limit for workers, not a right",
    "OOMPolicy": "a command that lost a process has failed",
    "MemoryMax": "the workers' share; a build or a migration may need more for a moment",
    "ReadWritePaths": "given by the caller: some commands may write less than the service, build commands the code",
}
"""Settings of the service's unit that a command does not get -> why."""

BUILD = {
    # Node's compiler and others that compile at run time write the code that they run; nobody's input meets them here.
    "MemoryDenyWriteExecute": "no",
    # Bundlers and compilers count the CPUs and the memory (/proc/cpuinfo, /proc/meminfo); processes stay invisible.
    "ProcSubset": "all",
    # Node lists the network's interfaces (getifaddrs(3)) and fails where it may not.
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
}
"""What build commands have otherwise than the service."""

SILENT_LINES = 10
READ_COMMAND = 'eval "`cat`"'
"""What the transient unit's shell does. Without a dollar: systemd's releases differ in what they expand."""


def of_unit(text: str, instance: str = "") -> list[tuple[str, str]]:
    """Return the settings of a sandbox in the TEXT of a unit's files (`systemctl cat`), in their order.

    A setting that the unit lacks is as in SERVICE. INSTANCE stands for `%i`.
    """
    found: list[tuple[str, str]] = []
    section = ""
    for line in re.sub(r"[ \t]*\\\n[ \t]*", " ", text).splitlines():
        if match := re.fullmatch(r"\s*\[(\w+)\]\s*", line):
            section = match[1]
        elif section == "Service" and (match := re.fullmatch(r"\s*([A-Z]\w*)\s*=\s*(.*?)\s*", line)):
            name, value = match.groups()
            if name in SERVICE or name in FURTHER:
                found.append((name, value.replace("%i", instance).replace("%%", "%")))
    there = {name for name, _ in found}
    return [(name, line) for name, lines in SERVICE.items() if name not in there for line in lines] + found


@dataclass
class Command:
    """How an app's own commands run: as its user, with its environment, in its service's sandbox.

    service: the unit whose sandbox it is ("" = as the role writes it); writable: folders that it may write;
    seconds: systemd ends it after that; more_files: further environment files, which go before the first one;
    properties: settings of systemd.exec(5) that it has otherwise or beyond, a list of lines for those that add up.
    """

    user: str
    folder: Path
    environment_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    writable: Sequence[str] = ()
    seconds: int = 3600
    more_files: Sequence[Path] = ()
    service: str = ""
    properties: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    def run(self, argv: Sequence[str], unit: str) -> subprocess.CompletedProcess[str]:
        """Run ARGV as the transient UNIT and return what it printed.

        The environment file is read by systemd, so no secret stands in an argument list. Of one that failed without a
        word, what its journal has is returned as its error output.
        """
        instance = self.service.partition("@")[2].removesuffix(".service")
        written = systemd.systemctl("cat", "--no-pager", self.service) if self.service else None
        sandbox = of_unit(written.stdout if written and written.returncode == 0 else "", instance)
        settings = [
            ("User", self.user),
            ("Group", self.user),
            ("WorkingDirectory", str(self.folder)),
            ("EnvironmentFile", str(self.environment_file)),
            *(("EnvironmentFile", str(path)) for path in self.more_files),
            ("RuntimeMaxSec", str(self.seconds)),
            ("CollectMode", "inactive-or-failed"),
            *((name, value) for name, value in sandbox if name not in self.properties),
            *(("ReadWritePaths", str(path)) for path in self.writable),
            *lines(self.properties),
        ]
        options = [f"--property={name}={value}" for name, value in settings]
        options += [f"--setenv={name}={value}" for name, value in self.environment.items()]
        return transient(unit, options, argv)


def lines(properties: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    """Return PROPERTIES as name and value, one pair per line of a unit."""
    return [
        (name, value)
        for name, values in properties.items()
        for value in ([values] if isinstance(values, str) else values)
    ]


def transient(unit: str, options: Sequence[str], argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run ARGV as the transient UNIT with systemd-run's OPTIONS, wait for its end and return what it printed.

    Nothing of the caller reaches it but what OPTIONS say: not its umask, not its environment. ARGV goes in over a pipe: as
    arguments of systemd-run it would stand in the process list and in what `systemctl show` tells anybody of the unit, and
    systemd would expand `$` and `%` in it.
    """
    return transient_script(unit, options, f"exec {shlex.join(argv)} </dev/null")


def transient_script(
    unit: str, options: Sequence[str], script: str, output: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a SCRIPT of the shell as `transient` runs a command. What it prints goes to the file OUTPUT, if there is one."""
    systemd.systemctl("reset-failed", unit)
    started = time.time()
    done = subprocess.run(
        ["systemd-run", "--quiet", "--pipe", "--wait", "--service-type=exec", f"--unit={unit}",
         f"--description={unit.removesuffix('.service')}",  # systemd's own would be ARGV, in the journal for good
         *options, "/bin/sh", "-c", READ_COMMAND],
        input=script, stdout=output or subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode and not ((done.stdout or "") + done.stderr).strip():
        done.stderr = silence(unit, started)
    return done


def silence(unit: str, since: float) -> str:
    """Return what the journal has of UNIT since then (seconds of the epoch): why a command ended without a message."""
    subprocess.run(["journalctl", "--sync"], capture_output=True, check=False)
    command = ["journalctl", "--no-pager", "--quiet", "--unit", unit, "--output=cat", f"--since=@{since:.6f}"]
    told = subprocess.run(
        [*command, f"--lines={SILENT_LINES}"], capture_output=True, text=True, errors="replace", check=False
    ).stdout.strip()
    return told and f"It printed nothing; the journal of {unit} says:\n{told}\n"
