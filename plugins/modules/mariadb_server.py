#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host's MariaDB: settings, owners and databases, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mariadb_server
short_description: Configure a host's MariaDB, and create a database for each app
version_added: 0.3.0
author: Slipway contributors (@slipway)
description:
  - Writes C(/etc/mysql/mariadb.conf.d/90-slipway.cnf) with memory settings computed from the host's memory and no TCP
    listener, checks it with the server's own program, and restarts the server if the file is newer. A rejected file is
    restored.
  - With O(databases), creates accounts that log in as the system user of the same name (C(unix_socket)), without a
    password and with privileges on their own database only, and the databases with the character set utf8mb4.
  - Drops anonymous accounts, everybody's privileges on the database C(test), and C(test) itself if it is empty. Nothing
    else is ever dropped. Databases that are not listed are left alone.
  - A server that has databases of others keeps its settings and accounts, unless O(adopt) is set.
  - Runs C(mariadb) as root over the socket; the host needs no Python driver.
attributes:
  check_mode:
    support: full
    description: Shows what would be done.
options:
  databases:
    description: The databases to create.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: >-
          Account with all privileges on the database, which is also the app's system user. Empty means
          O(databases[].name).
        type: str
  memory_mb:
    description: Memory in MiB from which the settings are computed. V(0) means the host's memory.
    type: int
    default: 0
  buffer_pool_percent:
    description: Percentage of the memory for C(innodb_buffer_pool_size).
    type: int
    default: 20
  max_connections:
    description: >-
      Maximum number of simultaneous connections. V(0) means what O(connections) needs, limited by the host's memory.
    type: int
    default: 0
  connections:
    description: Number of connections that all apps together may open, for O(max_connections=0).
    type: int
    default: 0
  collation:
    description: Collation of new databases; it must be one for utf8mb4.
    type: str
    default: utf8mb4_unicode_ci
  settings:
    description: More settings for the section C([mariadbd]); they override the computed ones.
    type: dict
    default: {}
  adopt:
    description: Also configure a server that has databases of others.
    type: bool
    default: false
  restart:
    description: Restart the server if a setting has changed. With V(false), the change stays pending, with a warning.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Create a database for the shop
  slipway.flask.mariadb_server:
    databases:
      - name: shop
"""

RETURN = r"""
databases:
  description: The databases.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the database.
      type: str
    owner:
      description: Owner of the database.
      type: str
    created:
      description: Whether this run created the database.
      type: bool
    url:
      description: URL for SQLAlchemy with PyMySQL, for the owner of the database.
      type: str
      sample: mysql+pymysql://shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4
statements:
  description: The SQL statements that were run, or would be.
  returned: success
  type: list
  elements: str
own:
  description: Whether the server is used by the apps only, so that the role manages its settings.
  returned: success
  type: bool
settings:
  description: The managed settings that are in effect on the server.
  returned: success
  type: dict
changed_files:
  description: The written files.
  returned: success
  type: list
  elements: str
restarted:
  description: Whether the server was restarted.
  returned: success
  type: bool
pending_restart:
  description: Whether settings are waiting for a restart.
  returned: success
  type: bool
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.memory import read_host_memory_mb
from ansible_collections.slipway.flask.plugins.module_utils._mysql import databases, names, server, sizing
from ansible_collections.slipway.flask.plugins.module_utils._mysql.settings import conf_text, server_settings

ARGUMENTS: dict[str, Any] = {
    "databases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "owner": {"type": "str"}},
    },
    "memory_mb": {"type": "int", "default": 0},
    "buffer_pool_percent": {"type": "int", "default": 20},
    "max_connections": {"type": "int", "default": 0},
    "connections": {"type": "int", "default": 0},
    "collation": {"type": "str", "default": "utf8mb4_unicode_ci"},
    "settings": {"type": "dict", "default": {}},
    "adopt": {"type": "bool", "default": False},
    "restart": {"type": "bool", "default": True},
}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked, done = module.params, databases.Plan()
    if problems := names.database_problems(asked["databases"]):
        module.fail_json(msg="databases: " + "; ".join(problems))
    wanted = databases.wanted_databases(asked["databases"])
    try:
        memory_mb = asked["memory_mb"] or read_host_memory_mb()
        most, short = asked["max_connections"], ""
        if not most:
            most, short = sizing.size(asked["connections"], memory_mb, sizing.written(server.CONF))
        settings = server_settings(
            memory_mb, asked["buffer_pool_percent"], most, asked["collation"], asked["settings"],
        )  # fmt: skip
        outcome = server.ensure(
            conf_text(settings), sorted(settings), wanted,
            adopt=asked["adopt"], restart=asked["restart"], check=module.check_mode,
        )  # fmt: skip
        if module.check_mode and outcome.started:  # a server that is yet to be installed or started can't be asked
            done = databases.plan(wanted, databases.State(), asked["collation"], outcome.own)
        else:
            done = databases.ensure(wanted, asked["collation"], outcome.own, check=module.check_mode)
    except (names.MysqlError, ValueError) as error:
        module.fail_json(msg=str(error))
    for warning in [
        *([] if module.check_mode else outcome.warnings),
        *done.warnings,
        *([short] if short and outcome.own else []),
    ]:
        module.warn(warning)
    statements = [{"before": "", "after": "".join(f"{line};\n" for line in done.statements)}] if done.statements else []
    module.exit_json(
        changed=outcome.changed or bool(done.statements),
        diff=outcome.diff + statements,
        statements=done.statements,
        databases=databases.described(wanted, done),
        own=outcome.own,
        settings=outcome.settings,
        changed_files=outcome.changed_files,
        restarted=outcome.restarted,
        pending_restart=outcome.pending,
    )


if __name__ == "__main__":
    main()
