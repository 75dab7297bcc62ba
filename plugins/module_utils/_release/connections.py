# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether the database takes the connections that a release may open: asked at the check, before anything changes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import capacity, pooler
from ansible_collections.slipway.flask.plugins.module_utils._database.budget import (
    Beside,
    Budget,
    Need,
    Pool,
    pooled,
    shortage,
    too_many_clients,
    ways,
)
from ansible_collections.slipway.flask.plugins.module_utils._database.capacity import Server
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._migration.probe import Probe
from ansible_collections.slipway.flask.plugins.module_utils._process import names
from ansible_collections.slipway.flask.plugins.module_utils._release import wanted
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError

BOUNDLESS = ("gevent", "eventlet", "asgi")
"""Kinds of workers whose requests at a time are bounded by nothing that means connections."""


@dataclass(frozen=True)
class Reckoned:
    """What a release may open at one server, what that server says, and who else uses it. SERVER None: it can't be asked."""

    budget: Budget
    server: Server | None
    beside: Beside


class Connections:
    """The connection budget of one release. CONTEXT is its own."""

    def __init__(self, context: Context) -> None:
        self.context, self.request = context, context.request
        self.reckoned: list[Reckoned] = []
        self.clients = Budget(())
        """What the app may open to its pooler."""

    def check(self, probe: Probe) -> None:
        """Refuse a release that may open more connections than its servers take; PROBE is what the app says of itself.

        Raises ReleaseError. What can't be known (a server behind a pooler, or that does not answer) refuses nothing.
        """
        self.reckoned = list(self._reckon(probe))
        self.context.record.connections = [self._kept(one.server, one.budget) for one in self.reckoned if one.server]
        if self.request.database.pool_size and (said := pooler.refused(self.request.app, probe.prepares)):
            raise ReleaseError(said)
        if said := too_many_clients(self.clients, self.request.database.pool_clients):
            raise ReleaseError(said)
        given = self.request.database.connections
        for one in self.reckoned:
            if one.server is None and not probe.pooler:
                self.context.notes.append(
                    f"the database server could not be asked for its limit: the app may open {one.budget.switch} connections "
                    f"({one.budget.said})"
                )
            server = one.server
            if server is None or probe.pooler:
                if not given:
                    continue
                server = Server(server.place if server else "", given)
            if said := shortage(one.budget, server, one.beside, given):
                over = one.budget.switch + one.beside.sum + server.kept - server.most
                told = ways(one.budget, server, server.is_local, over)
                raise ReleaseError(f"{said}\n{told}")

    def _reckon(self, probe: Probe) -> Iterator[Reckoned]:
        """Yield what is known of each server that the app has a URL of, its main one first."""
        urls = self._urls()
        main = next(iter(urls), "")
        for place, url in urls.items():
            pools = [
                Pool(one["most"], one["least"]) for one in probe.pools or () if capacity.place_of_pool(one) == place
            ]
            if not pools and place == main and not probe.pools:
                pools = [Pool()]
            budget = Budget(self._needs(probe), pools, self.request.hosts)
            if pools and place == main and self.request.database.pool_size:
                self.clients, budget = budget, pooled(self.request.database.pool_size)
            if not pools or not budget.release or self._is_boundless(probe, pools):
                continue
            server = capacity.ask(url, self.request.user)
            yield Reckoned(budget, server, self._beside(server) if server else Beside({}))

    def _urls(self) -> dict[str, str]:
        """Return the URLs of servers that can be asked among the app's settings by place, that of its own variable first."""
        settings = environment_file.environment_of(self.context.environment_file.read_text())
        own = self.request.database.direct_url or settings.get(self.request.migrations.variable, "")
        found: dict[str, str] = {}
        for url in [own, *settings.values()]:
            if "://" in url and (place := capacity.place_of_url(url)):
                found.setdefault(place, url)
        return found

    def _needs(self, probe: Probe) -> list[Need]:
        """Return the release's processes."""
        cores = len(os.sched_getaffinity(0))
        found = []
        for process in wanted.wanted(self.context):
            web = process.name == names.FIRST and probe.served
            processes, jobs = (probe.served[0], probe.served[1]) if web and probe.served else process.jobs(cores)
            found.append(Need(process.name, processes, jobs, not process.stops_first()))
        return found

    def _is_boundless(self, probe: Probe, pools: Iterable[Pool]) -> bool:
        """Note that an app's connections have no limit at all, and tell whether they don't."""
        kind = probe.served[2] if probe.served else ""
        if kind not in BOUNDLESS or all(pool.most for pool in pools):
            return False
        self.context.notes.append(
            f"the number of the app's database connections is not limited: {kind} workers take any number of requests at "
            "a time, and its pool opens a connection for each. Limit it (pool_size and max_overflow); see docs/databases.md"
        )
        return True

    def _kept(self, server: Server, budget: Budget) -> dict[str, Any]:
        """Return what the record keeps, by which other apps of the host know what this one may open."""
        return {
            "place": server.place, "role": server.role, "database": server.database,
            "release": budget.release * budget.hosts, "switch": budget.switch,
        }  # fmt: skip

    def _beside(self, server: Server) -> Beside:
        """Return what SERVER has to take beside this app.

        An app of this host counts with what it may open, twice while it is being deployed; and with what it has open, when
        that is more. Whoever else is connected counts with that.
        """
        apps, pairs = dict[str, int](), {server.own}
        for name, entries in self._neighbours():
            mine = [entry for entry in entries if entry["place"] == server.place]
            theirs = {(str(entry["role"]), str(entry["database"])) for entry in mine} - {server.own}
            connected = sum(server.connected.get(pair, 0) for pair in theirs - pairs)
            pairs |= theirs
            if mine:
                apps[name] = max(sum(int(entry["reckoned"]) for entry in mine), connected)
        return Beside(apps, sum(count for pair, count in server.connected.items() if pair not in pairs))

    def _neighbours(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield the host's other apps that serve, with what each of them may open at which server."""
        for link in sorted(self.context.paths.root.parent.glob("*/current")):
            folder = link.parent
            record = Record.read(link / "release.json") if folder != self.context.paths.root else None
            if record:
                runs = Paths(record.app, folder, folder).under_way.exists()
                key = "switch" if runs else "release"
                yield record.app, [{**entry, "reckoned": entry[key]} for entry in record.connections]

    def told(self) -> dict[str, Any]:
        """Return what a plan shows of the app's own server."""
        if not self.reckoned or self.reckoned[0].server is None:
            return {}
        budget, server, beside = self.reckoned[0].budget, self.reckoned[0].server, self.reckoned[0].beside
        each = {need.name: count for need in budget.needs if (count := budget.of(need))}
        return {
            "release": budget.release, "switch": budget.switch, "usable": server.most - server.kept, "used": server.used,
            "beside": beside.sum, "hosts": budget.hosts, **({"processes": each} if len(each) > 1 else {}),
        }  # fmt: skip
