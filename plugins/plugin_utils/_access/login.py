# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A new login to a host, on its own TCP connection: over another port, or as another user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible.plugins.action import ActionBase

SSH = "ansible.builtin.ssh"
OVER_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "mitogen_ssh", SSH)
ALONE = (
    "-o ControlMaster=no -o ControlPath=none -o ConnectionAttempts=2 -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
)
"""No session that is open is joined, and one that breaks off ends."""
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Way:
    """A way into the host: PORT and USER, each None for what the inventory says."""

    port: int | None = None
    user: str | None = None

    def __str__(self) -> str:
        parts = [f"port {self.port}" if self.port else "", f"as {self.user}" if self.user else ""]
        return " ".join(filter(None, parts)) or "as the inventory says"


def way_of(action: ActionBase) -> Way:
    """Return the way that ACTION's connection goes."""
    port = _option(action._connection, "port")
    return Way(int(port) if port else None, _option(action._connection, "remote_user") or None)


def _option(connection: Any, name: str) -> Any:
    try:
        return connection.get_option(name)
    except KeyError:
        return None


def alias(action: ActionBase, way: Way) -> str:
    """Return arguments for ssh so that the keys known of the host at the inventory's port are taken for those of another port.

    OpenSSH looks an alias up as it stands: where the port stays, one would hide the keys that are known as [host]:2222.
    """
    now = way_of(action).port
    return "" if way.port in (None, now or 22) else f"-o HostKeyAlias={shlex.quote(_known_as(action, now))}"


def _known_as(action: ActionBase, port: int | None) -> str:
    """Return the name that known_hosts has the host's keys under, as ssh with its own settings and the inventory's PORT sees it."""
    address = str(_option(action._connection, "host") or action._play_context.remote_addr)
    given = [_option(action._connection, name) or "" for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")]
    ssh = [_option(action._connection, "ssh_executable") or "ssh", *shlex.split(" ".join(given))]
    try:
        shown = _printed([*ssh, *(["-p", str(port)] if port else []), "-G", address])
        found = dict(line.split(" ", 1) for line in reversed(shown.splitlines()) if " " in line)
        host = found.get("hostname", address)
        name = f"[{host}]:{found.get('port', 22)}"
        files = f"{found.get('userknownhostsfile', '')} {found.get('globalknownhostsfile', '')}".split()
        is_known = any(_printed(["ssh-keygen", "-F", name, "-f", file]) for file in files)
    except (OSError, subprocess.SubprocessError):
        return address
    return found.get("hostkeyalias") or (name if is_known else host)


def _printed(argv: list[str]) -> str:
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=CONNECT_SECONDS,
    )
    return done.stdout


def over_ssh(action: ActionBase) -> bool:
    """Tell whether ACTION reaches its host by SSH, in which way ever."""
    return action._connection.transport in OVER_SSH


def other(action: ActionBase, way: Way) -> dict[str, Any]:
    """Return what must be set for the rest of a play so that it goes the WAY: `port` and ssh's `arguments`, `user`."""
    now = way_of(action)
    found: dict[str, Any] = {}
    if way.port and way.port != (now.port or 22):
        found |= {"port": way.port, "arguments": alias(action, way)}
    if way.user and now.user and way.user != now.user:
        found |= {"user": way.user}
    return found


@contextmanager
def new(action: ActionBase, way: Way, variables: dict[str, Any]) -> Iterator[None]:
    """Let ACTION work over a new connection that goes the WAY, as long as the block runs.

    :param variables: those of the task, for a connection plugin in whose place OpenSSH is used.
    """
    old, plain = action._connection, action._connection._load_name in ("ssh", SSH)
    ssh = over_ssh(action)
    name = SSH if ssh else old._load_name
    fresh = action._shared_loader_obj.connection_loader.get(name, action._play_context, task_uuid=action._task._uuid)
    if plain or not ssh:
        fresh._options = dict(old._options)
    else:
        fresh.set_options(var_options=fresh._resolve_option_variables(variables, action._templar))
    fresh._shell = old._shell
    fresh.set_become_plugin(old.become)
    if ssh:
        fresh.set_option("ssh_args", f"{ALONE} {alias(action, way)} {fresh.get_option('ssh_args') or ''}")
        fresh.set_option("timeout", CONNECT_SECONDS)
        fresh.set_option("reconnection_retries", 0)
        if way.port:
            fresh.set_option("port", way.port)
        if way.user:
            fresh.set_option("remote_user", way.user)
    action._connection = fresh
    if ssh and not plain:  # Mitogen has replaced this by what its own connections alone understand
        action._low_level_execute_command = partial(ActionBase._low_level_execute_command, action)
    try:
        yield
    finally:
        fresh.close()
        action._connection = old
        action.__dict__.pop("_low_level_execute_command", None)
