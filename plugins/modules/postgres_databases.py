#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One owner role and one database an app, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_databases
short_description: Give each app one PostgreSQL database that only its own role can enter
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Makes sure of roles that can log in and nothing else, without a password, and of their UTF-8 databases.
  - Revokes CONNECT and TEMPORARY from PUBLIC on these databases and on C(postgres) and C(template1), so that an app's
    role gets into its own database only.
  - Never drops anything. A database that is not listed stays as it is.
  - Runs the server's C(psql) as the system user C(postgres); the host needs no Python driver.
options:
  databases:
    description: The databases that must be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: Role that owns it, which is also the app's system user. Empty is O(databases[].name).
        type: str
      extensions:
        description: Extensions that the superuser creates in it.
        type: list
        elements: str
        default: []
  cluster:
    description: Which cluster, such as V(17/main). Empty is the only one, or the one on port 5432.
    type: str
    default: ""
  locale:
    description: Locale of new databases; it must exist on the host and be one of UTF-8.
    type: str
    default: C.UTF-8
"""

EXAMPLES = r"""
- name: Give the shop its database
  slipway.flask.postgres_databases:
    databases:
      - name: shop
        extensions: [pg_trgm]
"""

RETURN = r"""
databases:
  description: The wanted databases.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the database.
      type: str
    owner:
      description: Its owner.
      type: str
    created:
      description: Whether this run made it.
      type: bool
    url:
      description: How libpq's drivers reach it as its owner.
      type: str
      sample: postgresql:///shop?host=/var/run/postgresql
statements:
  description: The SQL that was run, or would be.
  returned: success
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._postgres.databases import (
    Database,
    Plan,
    empty_state,
    ensure,
    plan,
    wanted_databases,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    PostgresError,
    database_problems,
    find_cluster,
    log_tail,
)

ARGUMENTS: dict[str, Any] = {
    "databases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "owner": {"type": "str"},
            "extensions": {"type": "list", "elements": "str", "default": []},
        },
    },
    "cluster": {"type": "str", "default": ""},
    "locale": {"type": "str", "default": "C.UTF-8"},
}


def bring(wanted: list[Database], cluster_name: str, locale: str, check: bool) -> tuple[Plan, str, int]:
    """Return what was done (or would be), the socket folder, and the port.

    :raises PostgresError: when there is no server to do it with, unless in check mode.
    """
    cluster = find_cluster(cluster_name)
    if cluster is None or not cluster.online:
        if check:
            return plan(wanted, empty_state(), locale), "/var/run/postgresql", cluster.port if cluster else 5432
        if cluster is None:
            raise PostgresError("no PostgreSQL cluster on this host: run slipway.flask.postgres_cluster first")
        raise PostgresError(
            f"{cluster.unit} is not running: systemctl start {cluster.unit}\nEnd of {cluster.log}:\n{log_tail(cluster)}"
        )
    done, sockets = ensure(cluster, wanted, locale, check=check)
    return done, sockets, cluster.port


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if problems := database_problems(module.params["databases"]):
        module.fail_json(msg="databases: " + "; ".join(problems))
    wanted = wanted_databases(module.params["databases"])
    try:
        done, sockets, port = bring(wanted, module.params["cluster"], module.params["locale"], module.check_mode)
    except PostgresError as error:
        module.fail_json(msg=str(error))
    for warning in done.warnings:
        module.warn(warning)
    at_port = "" if port == 5432 else f"&port={port}"
    module.exit_json(
        changed=bool(done.lines),
        diff={"before": "", "after": "".join(line + ";\n" for line in done.lines)} if done.lines else {},
        statements=done.lines,
        databases=[
            {
                "name": database.name,
                "owner": database.owner,
                "created": database.name in done.created,
                "url": f"postgresql:///{database.name}?host={sockets}{at_port}",
            }
            for database in wanted
        ],
    )


if __name__ == "__main__":
    main()
