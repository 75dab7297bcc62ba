# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The connection budget: what the processes of an app may open at a server, and whether that server has so many.

(processes × the connections that each of them may hold) × 2 while two releases run × hosts, beside what is reserved
for superusers, what the host's other apps may open, and what others have open, must not be more than the server takes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._database.capacity import NO_LIMIT, Server


@dataclass(frozen=True)
class Need:
    """A process of the app: in how many system processes it runs, and what each of them does at a TIME."""

    name: str
    processes: int
    jobs: int
    twice: bool = True
    """Whether two releases of it run beside each other during a switch."""


@dataclass(frozen=True)
class Pool:
    """A pool that each process has: MOST connections (0: no limit), and LEAST at any rate."""

    most: int = 0
    least: int = 0

    def opens(self, jobs: int) -> int:
        """Return how many connections JOBS at a time get out of it."""
        return max(self.least, min(jobs, self.most or jobs))


@dataclass(frozen=True)
class Budget:
    """What an app may open at one server."""

    needs: Sequence[Need]
    pools: Sequence[Pool] = (Pool(),)
    hosts: int = 1

    def each(self, need: Need) -> int:
        """Return how many connections one process may hold."""
        return sum(pool.opens(need.jobs) for pool in self.pools)

    def of(self, need: Need) -> int:
        """Return how many all processes of a NEED may hold, of one release on one host."""
        return need.processes * self.each(need)

    @property
    def release(self) -> int:
        """The connections of one release on one host."""
        return sum(map(self.of, self.needs))

    @property
    def switch(self) -> int:
        """The connections of all hosts while two releases run."""
        return self.hosts * sum(self.of(need) * (1 + need.twice) for need in self.needs)

    @property
    def said(self) -> str:
        """The arithmetic: `(web 3 × 4 + worker 2) × 2 while two releases run + beat 1`."""
        twice = [need for need in self.needs if need.twice and self.of(need)]
        once = [need for need in self.needs if not need.twice and self.of(need)]
        parts = []
        if twice:
            inner = " + ".join(map(self._term, twice))
            parts.append(f"{f'({inner})' if len(twice) > 1 else inner} × 2 while two releases run")
        parts += [f"{self._term(need)} (never two at once)" for need in once]
        text = " + ".join(parts) or "0"
        if self.hosts > 1:
            text = f"({text}) × {self.hosts} hosts" if len(parts) > 1 else f"{text} × {self.hosts} hosts"
        return text

    def _term(self, need: Need) -> str:
        each = self.each(need)
        return f"{need.name} {need.processes}" + (f" × {each}" if each != 1 else "")


ROLE_LIMIT = {"postgresql": "ALTER ROLE … CONNECTION LIMIT", "mysql": "ALTER USER … WITH MAX_USER_CONNECTIONS"}
SETTING = {"postgresql": "postgres_server_max_connections", "mysql": "mariadb_server_max_connections"}
DIRECT = 3
"""Connections past a pooler: a migration has its own, one that holds the lock, and one that looks who is in its way."""


def pooled(size: int) -> Budget:
    """Return the budget of an app whose processes share a pooler's SIZE connections, however many releases run."""
    return Budget((Need("the pooler", 1, size, twice=False), Need("release commands", 1, DIRECT, twice=False)))


def too_many_clients(clients: Budget, taken: int) -> str:
    """Return why a pooler that takes so many connections does not take those of its CLIENTS, "" when it does."""
    if not taken or clients.switch <= taken:
        return ""
    return (
        f"the app may open {clients.switch} connections to its pooler: {clients.said}; it accepts {taken}\n"
        "Nothing was changed. Allow more of them (`database_pool_clients` and site.yml), or use fewer `threads` or `workers`. "
        "See docs/databases.md"
    )


@dataclass(frozen=True)
class Beside:
    """What else a server has to take. APPS are the host's other apps by name, OTHERS sessions that are open now."""

    apps: Mapping[str, int]
    others: int = 0

    @property
    def sum(self) -> int:
        return sum(self.apps.values()) + self.others


def shortage(budget: Budget, server: Server, beside: Beside, given: int = 0) -> str:
    """Return in one line why SERVER does not take an app's BUDGET, "" when it does. GIVEN is what its provider allows, 0 for
    what the server says."""
    mine = f"the app may open {budget.switch} database connections: {budget.said}"
    total = budget.switch + beside.sum + server.kept
    in_role = server.connected_by(role=server.role)
    in_database = server.connected_by(database=server.database)
    if given and budget.switch > given:
        return f"{mine}; `database_connections` allows {given}"
    if server.role_limit != NO_LIMIT and budget.switch + in_role > server.role_limit:
        return (
            f"{mine}{_and(in_role, 'of its role that others have open')}; its role {server.role} may have "
            f"{server.role_limit} ({ROLE_LIMIT[server.kind]})"
        )
    if server.database_limit != NO_LIMIT and budget.switch + in_database > server.database_limit:
        return (
            f"{mine}{_and(in_database, 'that others have open in it')}; its database {server.database} may have "
            f"{server.database_limit} (ALTER DATABASE … CONNECTION LIMIT)"
        )
    if total <= server.most:
        return ""
    more = [f"{count} of {name}" for name, count in beside.apps.items() if count]
    more += [f"{beside.others} that others have open"] if beside.others else []
    more += [f"{server.kept} reserved for superusers"] if server.kept else []
    sums = "".join(f" + {one}" for one in more)
    return f"{mine}{sums} = {total}; the server accepts {server.most} (max_connections)"


def _and(count: int, what: str) -> str:
    return f" + {count} {what}" if count else ""


def ways(budget: Budget, server: Server, local: bool, over: int = 0) -> str:
    """Return what a person can do about a shortage. LOCAL: the server is this host's own; OVER: how many it lacks."""
    pools = [pool.most for pool in budget.pools if pool.most]
    pool = f"{' and '.join(map(str, pools))} now" if pools else "it has no limit now"
    parts = [
        "fewer `threads` or `workers`, or fewer jobs at a time in its `processes`",
        f"a smaller pool in the app (SQLAlchemy: pool_size + max_overflow, {pool})",
    ]
    if local:
        parts.append(
            f"more connections (`{SETTING[server.kind]}: {-(-(server.most + over) // 10) * 10}`, site.yml, and a restart "
            "of the server, where the memory is there)"
        )
        if server.kind == "postgresql":
            parts.append("a pooler (`database_pool: pgbouncer` and site.yml)")
    else:
        parts.append("more connections there (max_connections, a larger plan of the provider), or its pooler")
    return f"Nothing was changed. Options: {'; '.join(parts)}. See docs/databases.md"
