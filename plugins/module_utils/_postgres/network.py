# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PostgreSQL for other hosts: its settings for TLS, and who gets in from where.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    RESERVED_DATABASES,
    RESERVED_OWNERS,
    name_problem,
)

PORT = 5432
SUPERVISED = """\
# With an address of the network to listen at, the server can't start before the host has that address.
[Unit]
Wants=network-online.target
After=network-online.target
"""
"""What the unit of a server has beside `cluster.SUPERVISED`, if it listens on the network."""


def settings(listen: Sequence[str], certificate: str, key: str) -> dict[str, Any]:
    """Return the settings of a server that listens at the addresses LISTEN with the files of its certificate; {} for none.

    TLS 1.3 is what both ends have: libpq is one of a supported release of Debian or Ubuntu, or of a wheel. A client that is
    gone (its host lost power) is noticed after a minute and a half, not after two hours: its locks are others' waiting.
    """
    if not listen:
        return {}
    return {
        "listen_addresses": ", ".join(listen),
        "ssl": True,
        "ssl_cert_file": certificate,
        "ssl_key_file": key,
        "ssl_min_protocol_version": "TLSv1.3",
        "password_encryption": "scram-sha-256",
        "tcp_keepalives_idle": 60,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
    }


def rules(clients: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of pg_hba.conf for CLIENTS (database, user, addresses): over TLS, with a password (manual 21.1)."""
    return [
        f'hostssl "{client["database"]}" "{client["user"]}" {ipaddress.ip_network(address)} scram-sha-256'
        for client in clients
        for address in client["addresses"]
    ]


def problems(variables: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the role's VARIABLES `listen`, `clients`, `certificate` and `key`, one sentence each."""
    found = []
    listen, clients = variables.get("listen") or [], variables.get("clients") or []
    found += [
        f"postgres_server_listen has '{text}'; it must be an IP address of the host, such as 10.0.0.5"
        for text in listen
        if not _is_address(text)
    ]
    if listen and not (variables.get("certificate") and variables.get("key")):
        found.append(
            "postgres_server_listen is given without postgres_server_certificate and postgres_server_key: other hosts could "
            "not tell the server from another. Give the paths of both on the host"
        )
    if clients and not listen:
        found.append(
            "postgres_server_clients is given but postgres_server_listen is empty; name the address to listen at"
        )
    databases = {str(one.get("name")): one for one in variables.get("databases") or [] if isinstance(one, Mapping)}
    for client in clients:
        found += _of_client(client, databases)
    return found


def _of_client(client: Mapping[str, Any], databases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    name, user = client.get("database"), client.get("user")
    where = f"postgres_server_clients, database '{name}'"
    found = []
    if name_problem(name, RESERVED_DATABASES) or name_problem(user, RESERVED_OWNERS):
        return [f"{where}: 'database' and 'user' must be names as in postgres_server_databases"]
    known = databases.get(str(name))
    if known is None or (known.get("owner") or name) != user:
        found.append(f"{where}: postgres_server_databases has no database of that name whose owner is '{user}'; add it")
    for text in client.get("addresses") or []:
        if not _is_network(text):
            found.append(f"{where}: 'addresses' has '{text}'; it must be an IP address or a network, such as 10.0.0.3")
        elif ipaddress.ip_network(text).prefixlen == 0:
            found.append(f"{where}: 'addresses' has '{text}', which is everybody; name the hosts")
    return found


def _is_address(text: Any) -> bool:
    try:
        return not ipaddress.ip_address(str(text)).is_unspecified
    except ValueError:
        return False


def _is_network(text: Any) -> bool:
    try:
        return bool(ipaddress.ip_network(str(text)))
    except ValueError:
        return False
