# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters about the hosts of an inventory: what each is for, and with which others it has to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._identity.program import joined
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import access, apps, hosts, trust


def authorities(names: Iterable[str], host: str, hostvars: Mapping[str, Any]) -> list[str]:
    """Return the certificate authorities of the hosts NAMES, which HOST trusts. Raises AnsibleFilterError."""
    try:
        return trust.authorities(names, host, hostvars)
    except trust.TrustError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "fleet_address": hosts.address,
            "fleet_allowed": access.allowed,
            "fleet_authorities": authorities,
            "fleet_clients": access.clients,
            "fleet_hosts": hosts.hosts_of,
            "fleet_links": apps.links,
            "fleet_password_files": access.password_files,
            "fleet_roles": hosts.roles_of,
            "fleet_served": access.served,
            "fleet_web_from": access.web_from,
            "host_identity_problems": trust.problems,
            "joined_authorities": joined,
        }
