# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an app reaches its database where that is on another host of the inventory.

The URL has no password in it: libpq and asyncpg read it from a file (`passfile`) that only the app's user can read. So the
URL is known wherever the inventory is, and a new password needs no restart.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet.hosts import Groups, Hostvars

PORT = 5432
AUTHORITIES = "/etc/slipway/identity/fleet.pem"
"""The certificate authorities of the hosts that a host has to do with; written by the role host_identity."""
SEEN = "slipway_preflight"
"""What the playbooks register: what preflight has found on each host."""
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


def left(
    apps: Iterable[Mapping[str, Any]],
    host: str,
    groups: Groups,
    hostvars: Hostvars,
    moved: str = "",
    restored: bool = False,
) -> str:
    """Return which of APPS would begin anew on the database host HOST while its data stays on another one, "" for none.

    What preflight has seen counts: an app works with another address, and HOST has no database of its name. A standby that was
    promoted has it, and a host with a new address as well. MOVED is the app whose data is about to be imported here; with
    RESTORED, the backups bring it.
    """
    own = hosts.in_url(hosts.address(host, hostvars))
    there = hosts.said(host, SEEN, hostvars).get("databases") or []
    for app in () if restored else apps:
        name = str(app["name"])
        if name in (moved, *there) or host != fleet.database_host_of(app, groups, hostvars):
            continue
        for member in fleet.members(app, groups, hostvars):
            former = str((hosts.said(member, SEEN, hostvars).get("remote") or {}).get(name) or own)
            if former != own:
                return (
                    f"app '{name}': its data is in the database at {former}, which {member} uses; {host}, which the inventory has "
                    "in its place, has no database of it, and the site would be empty. Close the site and export the data first "
                    f"(docs/fleet.md, 'A newer PostgreSQL'), then run this again with `-e moved={name}`, and import it"
                )
    return ""
