# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Units of their own for what of a backup goes to the network.

The services of the backups read what belongs to others and become their users; so they have no network. What talks to a target or
to a webhook is a transient unit beside them, whose user is not root: restic's may read every file and nothing else, pgBackRest is
the user postgres, a dump of a database elsewhere is made by the app's user. Such a unit ends with the service that wants it.
A command by hand has its caller's network, and needs none of this; neither does a target that is a folder.

What a program may not tell everybody (keys, passwords) reaches it by its input: anybody can read a unit's arguments and
environment.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError

SERVICE = "SLIPWAY_BACKUP_UNIT"
"""Variable in which a service of the backups, which has no network, has its own name."""
USER = "slipway-backup"
READS_ALL = "CAP_DAC_READ_SEARCH"
"""What restic needs beside its user (its manual, "Backing up your system without running restic as root")."""
CACHE = "slipway/outside"
"""Below /var/cache, the user's own."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 180.0
"""How long a call of `call` may take."""
REFUSED = 9
"""Exit status of a function that raised BackupError, whose text is the error output."""
BLOCK, SAID = 1 << 20, 4096
"""How much is read at once, and how much of what was said last."""
ROOT = str(Path(__file__).absolute().parents[6])
"""Where the collection is, as the programs on the host find it."""
READ_ENVIRONMENT = 'while IFS= read -r line && [ -n "$line" ]; do export "$line"; done; exec "$@"'
"""Takes NAME=value from the first lines of its input, up to an empty one; the rest is the program's."""
CALLED = """
import json, sys
sys.dont_write_bytecode = True
sys.path[:0] = sys.argv[1:]
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import called
called(json.load(sys.stdin))
"""
RESOURCES = ("Nice=10", "CPUWeight=20", "IOWeight=20", "IOSchedulingClass=idle", "OOMScoreAdjust=500", "LimitCORE=0")
SANDBOX = (
    "ProtectSystem=strict", "ProtectHome=read-only", "PrivateTmp=yes", "PrivateDevices=yes", "DevicePolicy=closed", "UMask=0077",
    "NoNewPrivileges=yes", "KeyringMode=private", "ProtectProc=invisible", "ProcSubset=pid", "ProtectClock=yes",
    "ProtectHostname=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "RestrictNamespaces=yes",
    "RestrictRealtime=yes", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "SystemCallErrorNumber=EPERM",
)  # fmt: skip
_numbers = itertools.count(1)


def service() -> str:
    """Return the service without a network that this is, "" for none."""
    return os.environ.get(SERVICE, "")


@dataclass(frozen=True)
class Rights:
    """What a unit may beside the network.

    :param user: the system user, `USER` or another; "" for one that exists as long as the unit.
    :param capability: that it has, "" for none.
    :param writable: folders and files that it may change.
    :param marks: whether it restores modes, set-gid of folders among them.
    """

    user: str = ""
    capability: str = ""
    writable: Sequence[Path | str] = ()
    marks: bool = False

    def properties(self) -> list[str]:
        """Return it as settings of a unit (systemd.exec(5))."""
        found = [f"User={self.user}" if self.user else "DynamicUser=yes", *SANDBOX, *RESOURCES]
        found += [f"CapabilityBoundingSet={self.capability}", f"AmbientCapabilities={self.capability}"]
        found += [] if self.marks else ["RestrictSUIDSGID=yes"]
        found += [f"CacheDirectory={CACHE}", "CacheDirectoryMode=0700"] if self.user == USER else []
        # Another user's shared memory stays: PostgreSQL, whose user this may be, lives in it.
        found += ["RemoveIPC=yes"] if self.user in ("", USER) else []
        return found + [f"ReadWritePaths=-{path}" for path in self.writable]


class Unit:
    """A COMMAND with an ENVIRONMENT that is to run in a unit with RIGHTS: `argv` starts it, and first it is given `head`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], rights: Rights) -> None:
        if not shutil.which(command[0], path=PATH):
            raise FileNotFoundError(command[0])
        if any("\n" in value for value in environment.values()):
            raise BackupError(f"{Path(command[0]).name} can't be given a variable of more than one line")
        self.name = f"slipway-backup-outside-{os.getpid()}-{next(_numbers)}.service"
        self.argv = [
            "systemd-run", "--quiet", "--collect", "--pipe", "--wait", f"--unit={self.name}",
            f"--description=What goes to the network for {service()}",
            f"--property=BindsTo={service()}", *(f"--property={one}" for one in rights.properties()), "--",
            *map(literal, ("/bin/sh", "-c", READ_ENVIRONMENT, "sh", *command)),
        ]  # fmt: skip
        self.head = "".join(f"{name}={value}\n" for name, value in {"PATH": PATH, **environment}.items()) + "\n"

    def end(self) -> None:
        """End it now, with all of its processes."""
        subprocess.run(
            ["systemctl", "kill", "--signal=SIGKILL", "--", self.name], check=False, capture_output=True, timeout=60
        )


def literal(argument: str) -> str:
    """Return an ARGUMENT as systemd hands it on unchanged: it puts variables in (systemd.service(5), "Command lines")."""
    return argument.replace("$", "$$")


def call(function: Callable[..., Any], *arguments: Any, user: str = "", seconds: float = SECONDS) -> Any:
    """Return what FUNCTION, one of a module of the collection's, returns for ARGUMENTS: called outside, where this has no network.

    :param user: the system user outside, "" for one that exists as long as the call.
    :raises BackupError: that FUNCTION has raised, or when it could not be called.
    """
    if not service():
        return function(*arguments)
    said = bytearray()
    _call(function, arguments, user, said.extend, seconds)
    return json.loads(said)


def stream(function: Callable[..., Any], *arguments: Any, put: Callable[[bytes], Any], user: str = "") -> None:
    """Call FUNCTION with ARGUMENTS and PUT, to which it writes; outside as `call` does, with no limit to its time."""
    if not service():
        function(*arguments, put)
    else:
        _call(function, arguments, user, put, None)


def _call(
    function: Callable[..., Any],
    arguments: Iterable[Any],
    user: str,
    put: Callable[[bytes], Any],
    seconds: float | None,
) -> None:
    unit = Unit(["/usr/bin/python3", "-IS", "-c", CALLED, ROOT], {"LC_ALL": "C.UTF-8"}, Rights(user))
    asked = [function.__module__, function.__qualname__, list(arguments), seconds is None]
    with tempfile.TemporaryFile() as errors, subprocess.Popen(
        unit.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd="/"
    ) as process:  # fmt: skip
        timer = threading.Timer(seconds, unit.end) if seconds else None
        try:
            with cast(IO[bytes], process.stdin) as given, suppress(BrokenPipeError):
                given.write((unit.head + json.dumps(asked)).encode())
            if timer:
                timer.start()
            while block := cast(IO[bytes], process.stdout).read(BLOCK):
                put(block)
            process.wait()
        except BaseException:
            unit.end()
            process.kill()
            raise
        finally:
            if timer:
                timer.cancel()
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - SAID))
        said = errors.read().decode(errors="replace").strip()
    if process.returncode == REFUSED:
        raise BackupError(said)
    if process.returncode:
        last = said.splitlines()[-1][:300] if said else f"it ended with {process.returncode}"
        raise BackupError(f"what needs the network could not be done beside {service()}: {last}")


def called(asked: Sequence[Any]) -> None:
    """Call what is ASKED for (module, function, arguments, whether it writes), and say what came of it."""
    module, name, arguments, writes = asked
    function: Any = getattr(import_module(module), name)
    try:
        if writes:
            function(*arguments, sys.stdout.buffer.write)
        else:
            json.dump(function(*arguments), sys.stdout)
        sys.stdout.flush()
    except BackupError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
