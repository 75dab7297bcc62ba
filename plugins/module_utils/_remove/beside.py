# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The unit in which a host removes one preview, beside the service that looks for previews whose end date has come.

A removal reads and changes what is root's all over the host: users, units, nginx, databases. That takes root with most of its
rights, however it is put. So they exist only while a preview is removed, and for its name alone; the service that looks every
hour has none of them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import sys

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

PROGRAM = "/usr/local/sbin/slipway-previews"
SERVICE = "SLIPWAY_PREVIEWS_UNIT"
"""Variable in which the service that only looks has its own name."""
CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",  # files of all users, and /etc/passwd written anew
    "CAP_KILL",  # the processes that are left of the preview's user
    "CAP_SETUID", "CAP_SETGID",  # psql as postgres, ipcrm as the preview's user
    "CAP_NET_BIND_SERVICE",  # `nginx -t` listens on 80 and 443 as nginx would
    "CAP_AUDIT_WRITE",  # userdel tells the kernel's audit
)  # fmt: skip
SANDBOX = (
    "PrivateDevices=yes", "DevicePolicy=closed", "PrivateMounts=yes", "UMask=0077", "NoNewPrivileges=yes", "KeyringMode=private",
    "ProtectSystem=yes",  # /usr and /boot; /etc has what is removed
    "ProtectClock=yes", "ProtectHostname=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK", "RestrictNamespaces=yes",
    "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged", "SystemCallFilter=@chown @setuid",
    "SystemCallErrorNumber=EPERM", f"CapabilityBoundingSet={' '.join(CAPABILITIES)}", "AmbientCapabilities=", "LimitCORE=0",
)  # fmt: skip
"""No PrivateTmp, ProtectHome: what a user has left in /tmp and /home must be found before its number is handed out again."""


def service() -> str:
    """Return the service that only looks, which this is; "" for none."""
    return os.environ.get(SERVICE, "")


def command(what: str, description: str, within: str, *words: str) -> list[str]:
    """Return the arguments of systemd-run(1) that run the program with WORDS in a unit for WHAT that ends WITHIN."""
    return [
        "--quiet", "--collect", "--pipe", "--wait", f"--unit=slipway-previews-{what}.service",
        f"--description={description}", f"--property=BindsTo={within}",
        *(f"--property={one}" for one in SANDBOX), "--", PROGRAM, *words,
    ]  # fmt: skip


def expire(name: str) -> None:
    """Have the preview NAME removed, and say what came of it. Raises RemoveError when it is still there."""
    told = f"Remove the preview {name}, whose end date has come"
    _run(command(name, told, service(), "expire", name), f"{name} could not be removed: ")


def sweep() -> None:
    """Have removed what a killed run has left of a copy of a database. Raises RemoveError."""
    told = "Remove what is left of a copy of a database"
    _run(command("sweep", told, service(), "sweep"), "what is left of a copy of a database could not be removed: ")


def _run(arguments: list[str], begins: str) -> None:
    done = systemd.run(*arguments)
    sys.stdout.write(done.stdout)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise RemoveError(said[-1][:1000].removeprefix(begins))
