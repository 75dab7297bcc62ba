# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fleets: the hosts that have one app, and the edges and database hosts that serve it.

A fleet is the hosts that have an app under the same name, the same first domain and the same `stage`, so that staging and
production in one inventory are two. Apps may be given as they are written or with all their keys.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import (
    ROLES,
    RUNNING,
    Groups,
    Hostvars,
    hosts_of,
)

App = Mapping[str, Any]
Identity = tuple[str, str, str]

DEFAULTS = {"stage": "production", "database": "local"}
"""Of the keys that are read here of an app as it is written; the same as in `_app/keys.py`."""
STANDBY = "slipway_database"


def identity(app: App) -> Identity:
    """Return what an app is the same by on several hosts: its name, its first domain and its stage."""
    domains = app.get("domains")
    first = domains[0] if isinstance(domains, Sequence) and not isinstance(domains, str) and domains else ""
    return str(app.get("name", "")), str(first).lower(), str(app.get("stage") or DEFAULTS["stage"])


def apps_of(host: str, hostvars: Hostvars) -> list[App]:
    """Return the apps of HOST as they are written; what is not even like an app is left out."""
    apps = hostvars[host].get("slipway_apps")
    return [app for app in apps if isinstance(app, Mapping)] if isinstance(apps, list) else []


def app_of(app: App, host: str, hostvars: Hostvars) -> App | None:
    """Return APP as it is written for HOST, None if it does not have it."""
    return next((one for one in apps_of(host, hostvars) if identity(one) == identity(app)), None)


def having(app: App, roles: Iterable[str], groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the hosts for one of ROLES that have APP."""
    wanted = identity(app)
    return [host for host in hosts_of(groups, roles) if any(identity(one) == wanted for one in apps_of(host, hostvars))]


def members(app: App, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the hosts that run releases of APP: those of `web`, then those of `worker` alone."""
    return having(app, RUNNING, groups, hostvars)


def web_hosts_of(app: App, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the hosts that serve APP's site."""
    return having(app, ("web",), groups, hostvars)


def edges_of(app: App, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the hosts that balance APP's requests over its `web_hosts_of`; visitors come to these, if there are any."""
    return having(app, ("edge",), groups, hostvars)


def database_hosts_of(app: App, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the hosts of `db` that have APP's database, the primary first; none if it isn't `local`, or is on each host."""
    if str(app.get("database") or DEFAULTS["database"]) != "local":
        return []
    return sorted(having(app, ("db",), groups, hostvars), key=lambda host: bool(standby_of(host, hostvars)))


def database_host_of(app: App, groups: Groups, hostvars: Hostvars) -> str:
    """Return the host whose PostgreSQL APP writes to, "" where each host has its own or the database is elsewhere."""
    return next((h for h in database_hosts_of(app, groups, hostvars) if not standby_of(h, hostvars)), "")


def standby_of(host: str, hostvars: Hostvars) -> str:
    """Return the host whose PostgreSQL the one of HOST follows, "" for a primary."""
    settings = hostvars[host].get(STANDBY)
    return str(settings.get("standby_of") or "") if isinstance(settings, Mapping) else ""


def links(host: str, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the other hosts with which HOST has TLS connections of the fleet, in the inventory's order; [] if it is alone.

    An edge talks to the web hosts of its apps, hosts that run an app to its database hosts, and these with each other.
    """
    found: set[str] = set()
    for app in apps_of(host, hostvars):
        running = members(app, groups, hostvars)
        edges = edges_of(app, groups, hostvars)
        web = web_hosts_of(app, groups, hostvars) if edges else []
        databases = database_hosts_of(app, groups, hostvars)
        for one, others in ((edges, web), (databases, [*running, *databases])):
            found.update(others if host in one else ())
            found.update(one if host in others else ())
    return [name for name in hosts_of(groups, ROLES) if name in found - {host}]
