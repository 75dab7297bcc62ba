# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which host may connect to which port of another: derived from what they are for.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import database, hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars


def served(apps: Iterable[Mapping[str, Any]], host: str, groups: Groups, hostvars: Hostvars) -> list[Mapping[str, Any]]:
    """Return those of APPS, which have all their keys, whose local database HOST has: its own apps', and those of its fleets."""
    runs = set(hosts.roles_of(host, groups)) & set(hosts.RUNNING)
    found = []
    for app in apps:
        databases = fleet.database_hosts_of(app, groups, hostvars)
        if app.get("database") == "local" and (host in databases or (runs and not databases)):
            found.append(app)
    return found


def asked_here(
    apps: Iterable[Mapping[str, Any]], host: str, task_vars: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return those of APPS, as HOST reaches their databases, whose database HOST is asked about: its own, or one outside.

    A database on another host of the inventory is asked about there. Those whose host is not in the play come second.
    """
    groups, hostvars = task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
    play, roles = task_vars.get("ansible_play_hosts_all") or [], set(hosts.roles_of(host, groups))
    own = [app for app in apps if not app.get("database_host")]
    left = [app for app in apps if app.get("database_host") and app["database_host"] not in play]
    if roles and not roles & set(hosts.RUNNING):
        return [app for app in own if host in fleet.database_hosts_of(app, groups, hostvars)], []
    return own, left


def sharing(apps: Iterable[Mapping[str, Any]], host: str, task_vars: Mapping[str, Any]) -> list[str]:
    """Return the other hosts that depend on the PostgreSQL of HOST for APPS: those that run them, its primary, its standbys."""
    groups, hostvars = task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
    found: dict[str, None] = {}
    for app in apps:
        described = {**app, "database": "local"} if app.get("database_host") else app  # as a standby reaches it
        databases = fleet.database_hosts_of(described, groups, hostvars)
        if host in databases:
            found |= dict.fromkeys([*fleet.members(app, groups, hostvars), *databases])
    return [one for one in found if one != host]


def clients(apps: Iterable[Mapping[str, Any]], host: str, groups: Groups, hostvars: Hostvars) -> list[dict[str, Any]]:
    """Return who connects to HOST's PostgreSQL over the network: for each app's database its role and the addresses.

    A standby has those of its primary: after a promotion they come to it.
    """
    found = []
    for app in apps:
        if host not in fleet.database_hosts_of(app, groups, hostvars):
            continue
        addresses = [hosts.address(one, hostvars) for one in fleet.members(app, groups, hostvars) if one != host]
        if addresses:
            found.append({"database": app["name"], "user": app["name"], "addresses": addresses})
    return found


def users(apps: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the system users of APPS on a host that has their databases and runs none of them.

    The server lets a role in over its socket as the system user of the same name: so backups read what is an app's with the
    rights of the app, and nothing that it has made runs as the superuser. The comment is the one by which a removal knows them.
    """
    return [{"name": str(app["name"]), "comment": f"Runs {app['name']}"} for app in apps]


def allowed(host: str, groups: Groups, hostvars: Hostvars) -> list[dict[str, Any]]:
    """Return the entries of `slipway_firewall_allow` that HOST has by what it is for."""
    found: dict[str, None] = {}
    for app in fleet.apps_of(host, hostvars):
        databases = fleet.database_hosts_of(app, groups, hostvars)
        if host in databases:
            others = [*fleet.members(app, groups, hostvars), *databases]
            found |= {hosts.address(one, hostvars): None for one in others if one != host}
    return [{"port": database.PORT, "protocol": "tcp", "from": list(found)}] if found else []


def web_from(host: str, groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return the addresses that may reach HOST's HTTP and HTTPS, [] for everybody's: edges, where all of its apps have some."""
    if "edge" in hosts.roles_of(host, groups):
        return []
    found: dict[str, None] = {}
    for app in fleet.apps_of(host, hostvars):
        edges = fleet.edges_of(app, groups, hostvars)
        if not edges:
            return []
        found |= {hosts.address(one, hostvars): None for one in edges}
    return list(found)


def has_sites(host: str, groups: Groups) -> bool:
    """Tell whether visitors or edges come to HOST."""
    return bool({"web", "edge"} & set(hosts.roles_of(host, groups)))


def password_line(app: str, address: str, password: str) -> str:
    """Return the line of a passfile (PostgreSQL manual, 34.16) with the PASSWORD of APP's database on the host at ADDRESS."""
    return ":".join([address.replace(":", "\\:"), str(database.PORT), app, app, password]) + "\n"


def password_files(
    apps: Iterable[Mapping[str, Any]], looked: Mapping[str, Any], hostvars: Hostvars
) -> list[dict[str, str]]:
    """Return the passfiles of those of APPS, as their host runs them, whose database is on another host.

    LOOKED is what slipway.flask.postgres_passwords said of each of these hosts, a result of a loop. In check mode there may
    be no password yet.
    """
    told = {str(one.get("item")): one.get("passwords") or {} for one in looked.get("results") or []}
    found = []
    for app in apps:
        host = app.get("database_host")
        if host and (password := told.get(host, {}).get(app["name"])):
            line = password_line(app["name"], hosts.address(host, hostvars), password)
            path = database.passfile(app["name"])
            found.append({"dest": path, "content": line, "owner": app["name"], "group": app["name"], "mode": "0400"})
    return found
