# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with an inventory of several hosts, before anything on one of them is changed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts, standbys
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

LIBPQ = re.compile(r"|psycopg.*")
"""Drivers that hand a URL's parameters to libpq; none is psycopg2 or psycopg."""
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,200}[A-Za-z0-9])?")
"""A host's name in the inventory, where it is to be part of a name in a certificate."""


def problems(groups: Groups, hostvars: Hostvars) -> list[str]:
    """Return what is wrong with the hosts of the inventory and how they belong together, one sentence each.

    There are none for hosts that are all of `web` and have nothing to do with each other.
    """
    every = hosts.hosts_of(groups)
    found = [text for host in every for text in _of_host(host, groups, hostvars)]
    linked = [host for host in every if fleet.links(host, groups, hostvars)]
    for host in linked:
        if problem := hosts.address_problem(host, hostvars):
            found.append(problem)
        if not NAME.fullmatch(host):
            found.append(
                f"{host}: the inventory's name of a host that others are to recognise by its certificate must consist of "
                "letters, digits, '.', '-' and '_'; rename it, and give the address as ansible_host"
            )
    return found + list(_shared_addresses(linked, hostvars)) + list(_databases(groups, hostvars))


def _of_host(host: str, groups: Groups, hostvars: Hostvars) -> Iterator[str]:
    roles = hosts.roles_of(host, groups)
    apps = fleet.apps_of(host, hostvars)
    if not apps and set(roles) & {"edge", "db"}:
        yield (
            f"{host}: it is in the group '{roles[-1]}' but has no slipway_apps, which say what it is for; put them where "
            "all hosts have them: group_vars/all"
        )
        return
    if "db" in roles and not any(fleet.database_hosts_of(app, groups, hostvars) for app in apps):
        yield (
            f"{host}: it is in the group 'db' but none of its apps has `database: local`; set that for an app, or remove the "
            "host from the group"
        )
    if "edge" in roles and not any(fleet.web_hosts_of(app, groups, hostvars) for app in apps):
        yield f"{host}: it is in the group 'edge' but no host of 'web' has one of its apps (the same name, first domain and stage)"
    yield from standbys.problems(host, groups, hostvars)


def _shared_addresses(linked: list[str], hostvars: Hostvars) -> Iterator[str]:
    """Yield a sentence for each two hosts that would be taken for one: certificates and access rules go by the address."""
    taken: dict[str, str] = {}
    for host in linked:
        address = hosts.address(host, hostvars)
        if address and taken.setdefault(address, host) != host:
            yield f"{host} and {taken[address]}: both have the address {address}; set {hosts.ADDRESS} of each to its own"


def _databases(groups: Groups, hostvars: Hostvars) -> Iterator[str]:
    seen: dict[tuple[str, str], fleet.Identity] = {}
    told: set[fleet.Identity] = set()
    for host in hosts.hosts_of(groups):
        for app in fleet.apps_of(host, hostvars):
            name = fleet.identity(app)
            if name in told:
                continue
            told.add(name)
            label = f"slipway_apps, app '{name[0]}'"
            databases = fleet.database_hosts_of(app, groups, hostvars)
            primaries = [one for one in databases if not fleet.standby_of(one, hostvars)]
            running = fleet.members(app, groups, hostvars)
            if app.get("deployers") and len(running) > 1:
                yield (
                    f"{label}: 'deployers' is {app['deployers']}, who would deploy to one host alone, but {', '.join(running)} "
                    "deploy the app together; remove it, and deploy with deploy.yml"
                )
            if len(primaries) > 1:
                yield (
                    f"{label}: both {' and '.join(primaries)} would be its database; make one the standby of the other "
                    f"(slipway_database: {{standby_of: {primaries[0]}}}), or leave the app out of that host's slipway_apps"
                )
            if databases and not primaries:
                yield f"{label}: {', '.join(databases)} would all be standbys; one of them must be the primary"
            apart = [one for one in running if one not in databases]
            if databases and apart and app.get("database_pool", "none") != "none":
                yield (
                    f"{label}: 'database_pool' is '{app['database_pool']}', which runs beside the database, but "
                    f"{', '.join(apart)} would reach it on {databases[0]} over the network; remove it"
                )
            driver = str(app.get("database_scheme") or "").partition("+")[2]
            if databases and apart and not LIBPQ.fullmatch(driver):
                yield (
                    f"{label}: 'database_scheme' is '{app['database_scheme']}', but {', '.join(apart)} would reach the database on "
                    f"{databases[0]} with a certificate and a password in files, which only libpq reads; use psycopg "
                    "(postgresql+psycopg)"
                )
            for one in databases:
                other = seen.setdefault((one, name[0]), name)
                if other != name:
                    yield (
                        f"{label}: {one} would have one database for two sites, {other[1]} ({other[2]}) and {name[1]} "
                        f"({name[2]}); give them different names, or a database host each"
                    )
