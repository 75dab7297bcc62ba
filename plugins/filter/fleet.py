# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters about the hosts of an inventory: what each is for, and with which others it has to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._identity.program import joined
from ansible_collections.slipway.flask.plugins.plugin_utils._app import hosts as app_hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import access, database, hosts, trust
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres


def authorities(names: Iterable[str], host: str, hostvars: Mapping[str, Any]) -> list[str]:
    """Return the certificate authorities of the hosts NAMES, which HOST trusts. Raises AnsibleFilterError."""
    try:
        return trust.authorities(names, host, hostvars)
    except trust.TrustError as error:
        raise AnsibleFilterError(str(error)) from None


def of_groups(groups: Mapping[str, Any], roles: Iterable[str] = ()) -> list[str]:
    """Return the hosts of GROUPS that have one of ROLES, or any.

    Raises AnsibleFilterError for an inventory that has hosts, but none of these groups: a run would do nothing, and say so
    in passing.
    """
    wanted = tuple(roles) or hosts.ROLES
    if groups.get("all") and not any(role in groups for role in hosts.ROLES):
        raise AnsibleFilterError(hosts.no_group(groups))
    return hosts.hosts_of(groups, wanted)


def connections(
    apps: Iterable[Mapping[str, Any]], host: str, groups: Mapping[str, Any], hostvars: Mapping[str, Any]
) -> int:
    """Return how many connections other hosts may open to the databases of APPS, which have all their keys, on HOST.

    A host of unknown cores, which this run leaves alone, counts as one with 2.
    """
    total = 0
    for app in apps:
        others = [one for one in fleet.members(app, groups, hostvars) if one != host]
        for other in others if host in fleet.database_hosts_of(app, groups, hostvars) else []:
            cores = int(hosts.said(other, database.SEEN, hostvars).get("cores") or 2)
            total += sum(postgres.connections_of(one, cores) for one in _there(app, other, groups, hostvars))
    return total


def _there(app: Mapping[str, Any], host: str, groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> Any:
    """Yield APP as HOST runs it, as if its database were there."""
    for one in app_hosts.on_host([app], host, groups, hostvars):
        yield {**one, "database": "local", "hosts": 1}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "fleet_address": hosts.address,
            "fleet_allowed": access.allowed,
            "fleet_authorities": authorities,
            "fleet_clients": access.clients,
            "fleet_connections": connections,
            "fleet_hosts": of_groups,
            "fleet_left_database": database.left,
            "fleet_links": fleet.links,
            "fleet_password_files": access.password_files,
            "fleet_roles": hosts.roles_of,
            "fleet_served": access.served,
            "fleet_users": access.users,
            "fleet_web_from": access.web_from,
            "host_identity_problems": trust.problems,
            "joined_authorities": joined,
        }
