#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tries connections to MySQL and MariaDB from the host, all in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_check
short_description: Try connections to MySQL or MariaDB from the host, and say why one fails
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Connects with the distribution's C(mariadb) as the app's own system user, with the app's own URL, and asks the server for
    its version and limits. Changes nothing.
  - A failure names its cause (name, port, TLS, password, account, database, connections) and what to do. No password stands
    in a message, an argument list or a log.
  - In check mode it does nothing where something that an earlier task makes is not there yet (C(mariadb), the system user,
    the CA file), and failures on a server of this host are warnings.
extends_documentation_fragment:
  - slipway.flask.database_checks
options:
  urls:
    description: The URL of each connection, as SQLAlchemy writes it (C(mysql+pymysql://…)).
"""

EXAMPLES = r"""
- name: Try the shop's database
  slipway.flask.mysql_check:
    connections:
      - {name: shop, user: shop}
    urls:
      shop: "{{ vault_shop_database_url }}"
"""

RETURN = r"""
connections:
  description: What was found for each connection.
  returned: success
  type: dict
  contains:
    NAME:
      description: One entry for each connection, named like it.
      type: dict
      contains:
        checked:
          description: Whether the connection was tried; the following keys are there only then.
          type: bool
        notes:
          description: What a person should know, such as unencrypted traffic or why nothing was tried.
          type: list
        server_version:
          description: Version of the server.
          type: str
        is_mariadb:
          description: Whether it is MariaDB, not MySQL.
          type: bool
        max_connections:
          description: Most connections that the server takes.
          type: int
        connections_used:
          description: Connections at that moment, this one among them.
          type: int
        account_connection_limit:
          description: The account's own limit; 0 is none.
          type: int
        account:
          description: The account that was let in.
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
          description: Whether the server takes no changes.
          type: bool
failures:
  description: Kind of failure for each connection that failed, such as V(password_wrong).
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
        raise Refusal("url", f"the url begins with {url.scheme}://, which is neither MySQL's nor MariaDB's")
    lack = lacking(entry) if client else "there is no client program: install the package mariadb-client"
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
