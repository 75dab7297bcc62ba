# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Brings the host to the wanted instances of Redis: users, files, the kernel's setting, services, in this order.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import pwd
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import file_state, files, service_user, systemd
from ansible_collections.slipway.flask.plugins.module_utils._host import instance as host_instance
from ansible_collections.slipway.flask.plugins.module_utils._host.instance import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._redis import names, settings
from ansible_collections.slipway.flask.plugins.module_utils._redis.names import RedisError
from ansible_collections.slipway.flask.plugins.module_utils._redis.settings import Instance

UNITS = Path("/etc/systemd/system")
SYSCTL = "/etc/sysctl.d/60-slipway-redis.conf"
OVERCOMMIT = Path("/proc/sys/vm/overcommit_memory")
OVERCOMMIT_TEXT = """\
# Managed by Ansible (slipway.flask.redis_server).
# Redis forks to rewrite its append-only file; without this the kernel may refuse that although memory is there.
vm.overcommit_memory = 1
"""
PROGRAM = "/usr/bin/redis-server"


def host_memory_mb(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the host's memory in MiB."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    return int(found[1]) // 1024 if found else 1024


def version() -> tuple[int, ...]:
    """Return the version of the Redis that is installed, () for none.

    :raises RedisError: for one that says none, or is older than ACLs.
    """
    try:
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ()
    found = re.search(r"\bv=(\d+)\.(\d+)", said)
    if not found or int(found[1]) < 6:
        raise RedisError(f"{PROGRAM} must be Redis 6.0 or newer, but says: {said.strip()[:200] or 'nothing'}")
    return int(found[1]), int(found[2])


def refuse(wanted: Sequence[Instance], check: bool) -> None:
    """Raise RedisError for what is somebody else's, and for users who are not there (but in check mode)."""
    for one in wanted:
        path = UNITS / names.unit(one.name)
        for owned in (path, Path(names.config(one.name))):
            if owned.exists() and not owned.read_text().startswith(settings.HEADER):
                raise RedisError(
                    f"{owned} exists, but was not written by this role: choose another name, or move it away"
                )
        for user in one.users:
            if not check and not service_user.find(pwd.getpwnam, user):
                raise RedisError(
                    f"there is no system user '{user}' to connect to instance '{one.name}': create it first, or correct `users`"
                )


def accounts(wanted: Sequence[Instance], check: bool) -> list[service_user.ServiceUser]:
    """Return the system users of the instances."""
    return [
        service_user.ServiceUser(
            names.account(one.name), names.account(one.name), comment=names.comment(one.name), check=check,
            must_be_free=[names.data_folder(one.name)],
        )
        for one in wanted
    ]  # fmt: skip


def entries(wanted: Sequence[Instance], host_mb: int, installed: tuple[int, ...]) -> list[file_state.Entry]:
    """Return the files of the instances; a configuration is root's, and read by its instance's user alone."""
    found = [file_state.Entry("/etc/slipway-redis", "directory")]
    for one in wanted:
        text = settings.conf_text(one, host_mb, installed)
        found.append(file_state.Entry(names.config(one.name), "file", text, "0640", group=names.account(one.name)))
        unit = settings.unit_text(one, host_mb, systemd.version())
        found.append(file_state.Entry(str(UNITS / names.unit(one.name)), "file", unit))
    if any(one.purpose == "queue" for one in wanted):
        found.append(file_state.Entry(SYSCTL, "file", OVERCOMMIT_TEXT))
    return found


def overcommit(outcome: Outcome, check: bool) -> None:
    """Let the kernel overcommit memory from now on, as SYSCTL says for the next boot; a container may not allow that."""
    if OVERCOMMIT.read_text().strip() == "1":
        return
    if not check:
        try:
            OVERCOMMIT.write_text("1\n")
        except OSError as error:
            outcome.warnings.append(
                f"vm.overcommit_memory can't be set to 1 here ({error.strerror}): where memory is short, Redis may fail to "
                "rewrite its append-only file. Set it on the machine that runs the kernel"
            )
            return
    outcome.actions.append("vm.overcommit_memory set to 1")


def ensure(wanted: Sequence[Instance], *, host_mb: int = 0, check: bool = False) -> Outcome:
    """Bring the instances about, or only say how with CHECK. HOST_MB is the host's memory in MiB, 0 to look.

    :raises RedisError: before any change for what is in the way; later for what does not start, with its journal.
    """
    installed, host_mb, outcome = version(), host_mb or host_memory_mb(), Outcome()
    if not installed and not check:
        raise RedisError(f"{PROGRAM} is not installed: install the package redis-server")
    refuse(wanted, check)
    try:
        outcome.actions += service_user.ensure(accounts(wanted, check))
        written = files.FileSet(check=check)
        written.apply(entries(wanted, host_mb, installed or (7, 0)))
    except (service_user.ServiceUserError, file_state.FilesError) as error:
        raise RedisError(str(error)) from None
    outcome.actions += [f"{path} written" for path in written.changed]
    outcome.diffs = written.diffs
    if any(one.purpose == "queue" for one in wanted):
        overcommit(outcome, check)
    for one in wanted:
        unit = names.unit(one.name)
        if check and not (UNITS / unit).exists():
            outcome.actions.append(f"{unit} started")
            continue
        try:
            reads = [names.config(one.name), str(UNITS / unit)]
            outcome.actions += host_instance.Instance(unit, reads, check=check).ensure()
        except host_instance.InstanceError as error:
            raise RedisError(str(error)) from None
    outcome.warnings += crowded(wanted, host_mb)
    return outcome


def crowded(wanted: Sequence[Instance], host_mb: int) -> list[str]:
    """Return a sentence when the host's instances, those that are not WANTED now included, may take half of its memory."""
    sizes = {one.name: one.maxmemory_mb(host_mb) for one in wanted}
    for path in Path("/etc/slipway-redis").glob("*.conf"):
        if path.stem not in sizes and (found := re.search(r"^maxmemory (\d+)mb$", path.read_text(), re.MULTILINE)):
            sizes[path.stem] = int(found[1])
    total = sum(sizes.values())
    if total <= host_mb // 2:
        return []
    each = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()))
    return [f"Redis may take {total} of the host's {host_mb} MB ({each}): give the instances less, or the host more"]
