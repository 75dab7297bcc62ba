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
options:
  connections:
    description: The connections, without their URLs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the connection, and its key in O(urls).
        type: str
        required: true
      user:
        description: System user that connects. Empty is the user that the module runs as.
        type: str
        default: ""
      ca:
        description: CA file on the host that is used where the URL has no C(ssl_ca).
        type: str
        default: ""
  urls:
    description: The URL of each connection, as SQLAlchemy writes it (C(mysql+pymysql://…)).
    type: dict
    required: true
  timeout_seconds:
    description: Seconds to wait for the server.
    type: int
    default: 5
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
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.connection_checks import Refusal, answer, arguments
from ansible_collections.slipway.flask.plugins.module_utils._mysql.check import attempt, notes
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import MysqlError, as_user, find_client
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError

ARGUMENTS = arguments()


def lacking(entry: dict[str, str], client: str) -> str:
    """Say what is missing on the host for the connection, '' when nothing is."""
    if not client:
        return "there is no client program: install the package mariadb-client"
    try:
        as_user(entry["user"] or "root")
    except MysqlError as error:
        return f"{error}: create it first, or leave the connection's key user out"
    if entry["ca"] and not Path(entry["ca"]).is_file():
        return f"the CA file {entry['ca']} is not on this host"
    return ""


def try_one(entry: dict[str, str], text: str, client: str, timeout: int, check: bool) -> dict[str, Any]:
    """Return the findings for one connection.

    :raises Refusal: when it fails.
    """
    try:
        url = parse_url(text)
    except UrlError as error:
        raise Refusal("url", f"the url {error}") from None
    if not url.is_mysql:
        raise Refusal("url", f"the url begins with {url.scheme}://, which is neither MySQL's nor MariaDB's")
    if reason := lacking(entry, client):
        if not check:
            raise Refusal("preparation", reason)
        return {"checked": False, "notes": [f"not tried: {reason}"]}
    tried = attempt(client, url, entry["user"], timeout, entry["ca"])
    if not tried.kind:
        return {"checked": True, "notes": notes(url, tried.facts, entry["ca"]), **tried.facts}
    if check and url.is_local:
        # In check mode this host's own server may be as it was before tasks that were only pretended.
        return {"checked": False, "notes": [tried.message]}
    raise Refusal(tried.kind, tried.message)


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    client, timeout = find_client(), module.params["timeout_seconds"]
    answer(module, " to the database", lambda entry, url: try_one(entry, url, client, timeout, module.check_mode))


if __name__ == "__main__":
    main()
