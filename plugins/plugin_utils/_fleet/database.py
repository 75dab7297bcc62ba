# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an app reaches its database where that is on another host of the inventory.

The URL has no password in it: libpq and asyncpg read it from a file (`passfile`) that only the app's user can read. So the
URL is known wherever the inventory is, and a new password needs no restart.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

PORT = 5432
AUTHORITIES = "/etc/slipway/identity/fleet.pem"
"""The certificate authorities of the hosts that a host has to do with; written by the role host_identity."""
PASSWORDS = "/etc/slipway/passwords"
"""Where a host that runs apps has their databases' passwords."""


def passfile(app: str) -> str:
    """Return the path of the file with the password of APP's database, on the hosts that run the app."""
    return f"{PASSWORDS}/{app}.pgpass"


def remote_host_of(app: Mapping[str, Any], host: str, groups: Groups, hostvars: Hostvars) -> str:
    """Return the other host to which HOST connects for APP's database, "" for its own or for one outside of the inventory."""
    found = fleet.database_host_of(app, groups, hostvars)
    return "" if found == host else found


def url(app: str, address: str) -> str:
    """Return the URL of APP's database on the host at ADDRESS, which must show a certificate for that address."""
    options = f"sslmode=verify-full&sslrootcert={AUTHORITIES}&passfile={passfile(app)}"
    return f"postgresql://{app}@{hosts.in_url(address)}:{PORT}/{app}?{options}"


def placed(app: Mapping[str, Any], host: str, groups: Groups, hostvars: Hostvars) -> dict[str, Any]:
    """Return APP, which has all its keys, as HOST runs it: with the URL of its database, if that is on a `database_host`."""
    other = remote_host_of(app, host, groups, hostvars)
    if not other:
        return dict(app)
    found = url(str(app["name"]), hosts.address(other, hostvars))
    return {**app, "database": "url", "database_url": found, "database_extensions": [], "database_host": other}
