#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tries database connections from the host, all in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_check
short_description: Check database connections from the host, and explain failures
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Connects with the distribution's C(psql) as the app's own system user with the app's own URL, and queries the
    server's version and limits. Changes nothing.
  - A failure explains its cause (host name, port, TLS, password, role, database, connections) and what to do. Passwords
    never appear in messages, argument lists or logs.
  - URLs of other databases (SQLite, MySQL) are skipped with a note.
  - In check mode, connections are skipped if something that an earlier task creates is missing (C(psql), the system
    user, the CA file), and failures on a local server are only warnings.
extends_documentation_fragment:
  - slipway.flask.database_checks
options:
  urls:
    description: The URL of each connection, in the format of libpq or SQLAlchemy (C(postgresql+psycopg://…)).
  timeout_seconds:
    description: Seconds to wait for each address of a server.
"""

EXAMPLES = r"""
- name: Check the shop's database
  slipway.flask.postgres_check:
    connections:
      - {name: shop, user: shop}
    urls:
      shop: "{{ vault_shop_database_url }}"
"""

RETURN = r"""
connections:
  description: Results for each connection.
  returned: success
  type: dict
  contains:
    NAME:
      description: One entry per connection, with its name as the key.
      type: dict
      contains:
        checked:
          description: Whether the connection was checked; if not, the following keys are missing.
          type: bool
        notes:
          description: Notes for the user, such as unencrypted traffic, or why the connection was not checked.
          type: list
        server_version:
          description: Version of the server.
          type: str
        max_connections:
          description: Maximum number of connections that the server accepts.
          type: int
        superuser_reserved_connections:
          description: Number of connections reserved for superusers.
          type: int
        reserved_connections:
          description: Number of connections reserved for pg_use_reserved_connections (PostgreSQL 16 and later).
          type: int
        connections_used:
          description: Number of connections at that moment, including this one.
          type: int
        role_connection_limit:
          description: Connection limit of the role; -1 means none.
          type: int
        database_connection_limit:
          description: Connection limit of the database; -1 means none.
          type: int
        ssl:
          description: Whether the connection is encrypted.
          type: bool
        encoding:
          description: Encoding of the database.
          type: str
        can_create_tables:
          description: Whether migrations may create tables in the current schema.
          type: bool
        read_only:
          description: Whether the server is a standby.
          type: bool
failures:
  description: Kind of failure for each failed connection, such as V(password_wrong).
  returned: failure
  type: dict
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.connection_checks import (
    answer,
    arguments,
    findings,
    lacking,
    parsed,
    untried,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.check import attempt, notes
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import find_psql
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url

ARGUMENTS = arguments()


def try_one(entry: dict[str, str], text: str, psql: str, timeout: int, check: bool) -> dict[str, Any]:
    """Return the findings for one connection.

    :raises Refusal: when it fails.
    """
    url = parsed(parse_url, text)
    if not url.is_postgres:
        found = {"checked": False, "notes": [f"not tried: {url.scheme} is not PostgreSQL"]}
    elif lack := lacking(entry) if psql else "psql is not installed: install the package postgresql-client":
        found = untried(lack, check)
    else:
        tried = attempt(psql, url, entry["user"], timeout, entry["ca"])
        found = findings(tried, lambda facts: notes(url, facts, entry["ca"]), check and url.is_local)
    return {**found, "ca": entry["ca"]}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    psql, timeout = find_psql(), module.params["timeout_seconds"]
    answer(module, "", lambda entry, url: try_one(entry, url, psql, timeout, module.check_mode))


if __name__ == "__main__":
    main()
