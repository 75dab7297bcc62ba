# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Taking a host out of an edge's balancing and back in, without a lost request.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._edge import health, hold, runtime
from ansible_collections.slipway.flask.plugins.module_utils._edge.hold import Out
from ansible_collections.slipway.flask.plugins.module_utils._edge.runtime import Server

LOOK_SECONDS = 0.2
TIME = "%Y-%m-%dT%H:%M:%SZ"


class TurnError(RuntimeError):
    """A host can't be taken out or in; the message is for the user."""


def out_problems(host: str, found: Sequence[Server], out: Collection[str], force: bool = False) -> list[str]:
    """Return why HOST can't be taken out, by app. FOUND are the servers that the edge has, OUT those that are out already."""
    apps = [server.app for server in found if server.host == host and server.checked]
    if not apps:
        names = sorted({server.host for server in found})
        return [f"this edge balances no host '{host}'; it has {', '.join(names) or 'none at all'}"]
    if force:
        return []
    problems = []
    for app in apps:
        others = [server for server in found if server.app == app and server.checked and server.host != host]
        if not any(server.status.startswith("UP") and server.host not in out for server in others):
            state = ", ".join(f"{one.host} {_why(one, out)}" for one in others)
            problems.append(
                f"{host} is the last host that serves {app}"
                + (f": {state}" if others else "")
                + ". Bring another one back first, or close the site with playbooks/maintenance.yml"
            )
    return problems


def _why(server: Server, out: Collection[str]) -> str:
    """Return why SERVER, which is not the one that is asked about, does not count."""
    return "is out" if server.host in out else f"fails its check ({server.check or server.status})"


def take_out(
    host: str,
    by: str,
    wait_seconds: float,
    file: Path = hold.FILE,
    servers: Callable[[], list[Server]] = runtime.servers,
    tell: Callable[[str], None] = runtime.tell,
) -> dict[str, Any]:
    """Take HOST out, keep that, and wait until it has answered what it had begun; return `changed` and `left`.

    `left` is how many requests it still has after WAIT_SECONDS. Raises RuntimeApiError.
    """
    kept = hold.read(file)
    changed = host not in kept
    if changed:
        # Kept first: an edge that restarts in between has it out, too.
        hold.write({**kept, host: Out(datetime.now(timezone.utc).strftime(TIME), by)}, file)
    for server in servers():
        if server.host == host and not server.status.startswith("MAINT"):
            tell(f"set server {server.backend}/{host} state maint")
    deadline = time.monotonic() + wait_seconds
    while (left := sum(one.sessions for one in servers() if one.host == host)) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return {"changed": changed, "left": left}


def in_problems(
    host: str,
    backends: Sequence[Mapping[str, Any]],
    authorities: str,
    ask: Callable[..., str] = health.problem,
) -> list[str]:
    """Return why HOST should not serve again: how it answers the check of each of its apps."""
    found = []
    for entry in backends:
        for one in entry["hosts"]:
            if one["name"] == host and (said := ask(one, entry["check"], authorities)):
                found.append(f"{host} is not well: {entry['name']} {said}")
    return found


def take_in(
    host: str,
    file: Path = hold.FILE,
    servers: Callable[[], list[Server]] = runtime.servers,
    tell: Callable[[str], None] = runtime.tell,
) -> dict[str, Any]:
    """Let HOST serve again, slowly at first, and keep that; return `changed`. Raises RuntimeApiError."""
    kept = hold.read(file)
    changed = host in kept
    mine = [server for server in servers() if server.host == host]
    if changed:
        hold.write({name: entry for name, entry in kept.items() if name != host}, file)
    # The one that asks the host comes first: the others follow it.
    for server in sorted(mine, key=lambda one: not one.checked):
        if server.status.startswith("MAINT"):
            tell(f"set server {server.backend}/{host} state ready")
    return {"changed": changed, "left": 0}


def status(
    file: Path = hold.FILE, servers: Callable[[], list[Server]] = runtime.servers
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return, by app and host, the state (`in`, `out`, `failing`), the requests on their way and what is known beside."""
    kept, found = hold.read(file), servers()
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for server in found:
        if not server.checked:
            continue
        out = kept.get(server.host)
        state = (
            "out" if out or server.status.startswith("MAINT") else "in" if server.status.startswith("UP") else "failing"
        )
        told.setdefault(server.app, {})[server.host] = {
            "state": state,
            "requests": sum(one.sessions for one in found if (one.app, one.host) == (server.app, server.host)),
            "check": server.check,
            "since": out.since if out else "",
            "by": out.by if out else "",
        }
    return told
