#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tries connections to MySQL and MariaDB from the host, all in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_check
short_description: Check connections to MySQL or MariaDB from the host, and explain failures
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Connects with the distribution's C(mariadb) as the app's own system user with the app's own URL, and queries the
    server's version and limits. Changes nothing.
  - A failure explains its cause (host name, port, TLS, password, account, database, connections) and what to do.
    Passwords never appear in messages, argument lists or logs.
  - In check mode, connections are skipped if something that an earlier task creates is missing (C(mariadb), the system
    user, the CA file), and failures on a local server are only warnings.
extends_documentation_fragment:
  - slipway.flask.database_checks
options:
  urls:
    description: The URL of each connection, in the format of SQLAlchemy (C(mysql+pymysql://…)).
"""

EXAMPLES = r"""
- name: Check the shop's database
  slipway.flask.mysql_check:
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
        is_mariadb:
          description: Whether the server is MariaDB, not MySQL.
          type: bool
        max_connections:
          description: Maximum number of connections that the server accepts.
          type: int
        connections_used:
          description: Number of connections at that moment, including this one.
          type: int
        account_connection_limit:
          description: Connection limit of the account; 0 means none.
          type: int
        account:
          description: The account that was logged in.
          type: str
        ssl:
          description: Whether the connection is encrypted.
          type: bool
        encoding:
          description: Character set of the database.
          type: str
        can_create_tables:
          description: Whether migrations may create tables.
          type: bool
        read_only:
          description: Whether the server is read-only.
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
    Refusal,
    answer,
    arguments,
    findings,
    lacking,
    parsed,
    untried,
)
from ansible_collections.slipway.flask.plugins.module_utils._mysql.check import attempt, notes
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import find_client
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import parse_url

ARGUMENTS = arguments()


def try_one(entry: dict[str, str], text: str, client: str, timeout: int, check: bool) -> dict[str, Any]:
    """Return the findings for one connection.

    :raises Refusal: when it fails.
    """
    url = parsed(parse_url, text)
    if not url.is_mysql:
        raise Refusal("url", f"the url begins with {url.scheme}://, which is neither MySQL nor MariaDB")
    lack = lacking(entry) if client else "the client program is missing: install the package mariadb-client"
    if lack:
        return untried(lack, check)
    tried = attempt(client, url, entry["user"], timeout, entry["ca"])
    return findings(tried, lambda facts: notes(url, facts, entry["ca"]), check and url.is_local)


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    client, timeout = find_client(), module.params["timeout_seconds"]
    answer(module, " to the database", lambda entry, url: try_one(entry, url, client, timeout, module.check_mode))


if __name__ == "__main__":
    main()
