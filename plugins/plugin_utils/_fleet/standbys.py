# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which database server follows which, by the inventory: `slipway_database: {standby_of: db1}` of a host of the group `db`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.marks import Marks
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.apps import STANDBY, standby_of
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

KEYS = ("standby_of",)
MARKS = "slipway_database_marks"
"""What playbooks/tasks/main.yml registers: what each database host keeps of a promotion."""
PASSWORD, REPLICATED = "postgres_server_standby", "postgres_server_replicated"
"""What the role postgres_server registers: on a standby what it has for its primary, and on the primary how its standbys are."""


def standbys_of(host: str, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the hosts whose PostgreSQL follows that of HOST."""
    return [one for one in groups.get("db") or [] if one != host and standby_of(one, hostvars) == host]


def replication(host: str, groups: Groups, hostvars: Hostvars) -> dict[str, Any]:
    """Return what the role postgres_server is told of HOST: its `primary`, {} for none, its `standbys`, and whether it is `lost`.

    A host is given by the name that it has in the inventory (`name`), its IP address (`address`) and the name in its
    certificate (`certified`); a standby with what its primary keeps of its password (`verifier`), once it has said that in this
    run. A host is lost if its primary has said in this run that what it needs is gone.
    """
    primary = standby_of(host, hostvars)
    return {
        "primary": _place(primary, hostvars) if primary else {},
        "standbys": [
            {**_place(one, hostvars), "verifier": str(hosts.said(one, PASSWORD, hostvars).get("verifier") or "")}
            for one in standbys_of(host, groups, hostvars)
        ],
        "lost": bool(primary) and host in (hosts.said(primary, REPLICATED, hostvars).get("lost") or []),
    }


def _place(host: str, hostvars: Hostvars) -> dict[str, str]:
    return {"name": host, "address": hosts.address(host, hostvars), "certified": hosts.internal_name(host)}


def promoted(host: str, hostvars: Hostvars) -> str:
    """Return why the inventory is not what a promotion has made of the server of HOST, "" if it is.

    A host that was promoted, and followed by the other one's promotion later, is the standby that the inventory says; only the
    other one knows that.
    """
    own, primary = _marks(host, hostvars), standby_of(host, hostvars)
    if own.closed_for and not primary:
        return (
            f"the inventory says that {host} has the primary PostgreSQL, but it was {own.sentence}. Change slipway_database: "
            f"{{standby_of: {own.closed_for}}} for {host}, nothing for {own.closed_for} "
            f"(playbooks/promote.yml -e host={own.closed_for} shows it)"
        )
    if not own.promoted_from or primary != own.promoted_from:
        return ""
    other = _marks(primary, hostvars)
    if other.promoted_from == host and other.at > own.at:
        return ""
    return (
        f"the inventory says that {host} is the standby of {primary}, but it was {own.sentence}. Change slipway_database: "
        f"{{standby_of: {host}}} for {primary}, nothing for {host}"
    )


def _marks(host: str, hostvars: Hostvars) -> Marks:
    found = hosts.said(host, MARKS, hostvars).get("marks")
    return Marks(**found) if isinstance(found, Mapping) else Marks()


def problems(host: str, groups: Groups, hostvars: Hostvars) -> Iterator[str]:
    """Yield what is wrong with `slipway_database` of HOST."""
    given = hostvars[host].get(STANDBY)
    if given is None:
        return
    if not isinstance(given, Mapping) or set(given) - set(KEYS):
        yield f"{host}: {STANDBY} is '{given}'; it must be {{standby_of: HOST}}, with another host of the group 'db'"
        return
    primary = standby_of(host, hostvars)
    if not primary:
        return
    if "db" not in hosts.roles_of(host, groups):
        yield f"{host}: {STANDBY} is given but the host is not in the group 'db'; add it, or remove the variable"
    if primary == host or primary not in (groups.get("db") or []):
        yield f"{host}: {STANDBY}.standby_of is '{primary}'; it must be another host of the group 'db'"
    elif above := standby_of(primary, hostvars):
        yield (
            f"{host}: {STANDBY}.standby_of is '{primary}', which is a standby itself; a standby follows a primary: set "
            f"'{above}'"
        )
