# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where an instance of Redis is on its host, and what is wrong with a list of them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import conf, listed

NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
"""48 characters keep the socket's path below the 107 that it may have (unix(7))."""
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # useradd(8)
LONGEST_ACCOUNT = 32
OWN = {
    "port", "bind", "unixsocket", "unixsocketperm", "dir", "user", "aclfile", "requirepass", "maxmemory", "include",
    "maxmemory-policy", "supervised", "daemonize", "loadmodule", "rename-command", "logfile", "pidfile", "tls-port",
    "replicaof", "slaveof", "enable-debug-command", "enable-module-command", "enable-protected-configs",
}  # fmt: skip
"""Settings that hold the instance in its place; those of memory have keys of their own."""
KEYS = {"name", "purpose", "users", "memory_mb", "settings"}
PURPOSES = ("queue", "cache")
LEAST_MEMORY_MB = 16
"""An empty Redis takes 1 to 3 MiB of what `maxmemory` counts, its clients' buffers among them."""


class RedisError(RuntimeError):
    """Something that the person must know; the text is ready to be shown."""


def account(name: str) -> str:
    """Return the system user of the instance NAME; a long name is cut and told apart by a part of its hash."""
    whole = f"redis-{name}"
    if len(whole) <= LONGEST_ACCOUNT:
        return whole
    return f"{whole[:23]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def comment(name: str) -> str:
    """Return the comment of that user, by which it is known."""
    return f"Redis {name}"


def unit(name: str) -> str:
    return f"slipway-redis-{name}.service"


def runtime_folder(name: str) -> str:
    return f"/run/slipway-redis/{name}"


def socket(name: str) -> str:
    return f"{runtime_folder(name)}/redis.sock"


def data_folder(name: str) -> str:
    return f"/var/lib/slipway-redis/{name}"


def config(name: str) -> str:
    return f"/etc/slipway-redis/{name}.conf"


def problems(instances: Any) -> list[str]:
    """Return what is wrong with a list of instances, one sentence per fault."""
    return listed.problems(instances, "instance", ["name"], _of_instance)


def _of_instance(entry: Mapping[str, Any], name: str) -> Iterable[str]:
    if not NAME.fullmatch(name):
        yield "the name must begin with a small letter and have only small letters, digits and -, 48 characters at most"
    yield from listed.unknown(entry, KEYS)
    if entry.get("purpose", "queue") not in PURPOSES:
        yield f"purpose is '{entry['purpose']}'; it must be one of {', '.join(PURPOSES)}"
    memory = entry.get("memory_mb") or 0
    if isinstance(memory, bool) or not str(memory).isdigit() or 0 < int(memory) < LEAST_MEMORY_MB:
        yield f"memory_mb is {memory}; it must be {LEAST_MEMORY_MB} or more, or 0 for a part of the host's memory"
    for user in entry.get("users") or []:
        if not ACCOUNT.fullmatch(str(user)):
            yield f"'{user}' in 'users' is not a valid system user name"
    settings = entry.get("settings") or {}
    yield from conf.problems(settings, "redis.conf", OWN, "-", " (an empty text is '\"\"')")
