#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings and access rules of the host's PostgreSQL cluster, and its databases, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_cluster
short_description: >-
  Configure the distribution's PostgreSQL cluster for apps on the same host, and create a database for each
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Finds the cluster created by the distribution's packages (C(pg_lsclusters)), whatever its PostgreSQL version, or
    creates one.
  - Writes C(conf.d/slipway.conf) with memory settings computed from the host's memory, no TCP listener, and logging;
    and C(pg_hba.conf) with peer authentication over the Unix socket.
  - Checks both with the server's own program before they take effect; a rejected file is restored.
  - Reloads the server if a file has changed. For a setting that requires a restart, restarts it only if no database has
    tables yet, or with O(restart).
  - Enables statistics per statement (C(pg_stat_statements)), which the playbook C(queries.yml) shows.
  - With O(databases), creates roles without a password and without privileges other than LOGIN, and their UTF-8
    databases. Revokes CONNECT and TEMPORARY from PUBLIC on these databases and on C(postgres) and C(template1), so that
    an app's role can only connect to its own database. Never drops anything. Databases that are not listed are left
    alone.
  - Runs the server's C(psql) as the system user C(postgres); the host needs no Python driver.
options:
  databases:
    description: The databases to create. If not given, databases are not managed.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: Role that owns the database, which is also the app's system user. Empty means O(databases[].name).
        type: str
      extensions:
        description: Extensions to create in the database as a superuser.
        type: list
        elements: str
        default: []
  cluster:
    description: PostgreSQL cluster, such as V(17/main). Empty means the only one, or the one on port 5432.
    type: str
    default: ""
  memory_mb:
    description: Memory in MiB from which the settings are computed. V(0) means the host's memory.
    type: int
    default: 0
  shared_buffers_percent:
    description: Percentage of the memory for C(shared_buffers).
    type: int
    default: 15
  max_connections:
    description:
      - Maximum number of simultaneous connections. V(0) means what O(connections) needs, limited by the host's memory
        (10 MB each); at least V(100), and never less than an earlier run has set.
    type: int
    default: 0
  connections:
    description: Number of connections that all apps together may open, for O(max_connections=0).
    type: int
    default: 0
  slow_statement_ms:
    description:
      - Statements that take longer than this, in milliseconds, are logged. V(-1) logs none.
      - Parameter values are not logged, but values that the app writes into the text of a statement are.
    type: int
    default: 500
  timezone:
    description: Time zone of sessions and of the log.
    type: str
    default: UTC
  locale:
    description: Locale of a new cluster and of new databases; it must be a UTF-8 locale that exists on the host.
    type: str
    default: C.UTF-8
  archive_command:
    description:
      - Command that archives each WAL segment, in the format of C(archive_command); a segment is closed after 50
        seconds at the latest. Empty archives nothing.
      - A running server is restarted once, when a command is first set. If it is emptied again, C(archive_mode) stays
        on with a command that does nothing.
    type: str
    default: ""
  settings:
    description: More settings for C(postgresql.conf); they override the computed ones.
    type: dict
    default: {}
  hba:
    description: More lines for C(pg_hba.conf), which come before the general one.
    type: list
    elements: str
    default: []
  listen:
    description:
      - IP addresses to listen at, with TLS, for O(clients). If empty, nothing listens on the network.
      - A running server must be restarted for another address.
    type: list
    elements: str
    default: []
  certificate:
    description: Path of the server's certificate on the host, for O(listen).
    type: str
    default: ""
  key:
    description: Path of its key, which the system user C(postgres) can read, for O(listen).
    type: str
    default: ""
  clients:
    description:
      - Who may connect over the network. All others are refused.
      - The role gets a password, which is created on the host and kept there in C(/etc/slipway/passwords), for root. A
        role without clients has no password.
    type: list
    elements: dict
    default: []
    suboptions:
      database:
        description: Name of the database.
        type: str
        required: true
      user:
        description: Role that owns it.
        type: str
        required: true
      addresses:
        description: IP addresses or networks of the hosts.
        type: list
        elements: str
        required: true
  restart:
    description:
      - Restart the server for settings that require it, even if a database is in use, which aborts requests that use
        one.
      - With V(false), such settings stay pending, with a warning that says what to do. A server whose databases have no
        tables yet is always restarted.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Configure PostgreSQL for apps on this host
  slipway.flask.postgres_cluster:
    max_connections: 60
    settings:
      statement_timeout: 30s
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
      description: URL for libpq-based drivers, for the owner of the database.
      type: str
      sample: postgresql:///shop?host=/var/run/postgresql
statements:
  description: The SQL statements that were run, or would be.
  returned: success
  type: list
  elements: str
version:
  description: Major version of the server; empty in check mode when it isn't installed yet.
  returned: success
  type: str
  sample: "17"
cluster:
  description: Name of the cluster.
  returned: success
  type: str
  sample: main
port:
  description: Port number, which also names the socket.
  returned: success
  type: int
  sample: 5432
unit:
  description: systemd unit of the cluster.
  returned: success
  type: str
  sample: postgresql@17-main.service
socket_directory:
  description: Folder of the Unix socket.
  returned: success
  type: str
  sample: /var/run/postgresql
settings:
  description: The managed settings that are in effect on the server.
  returned: success
  type: dict
changed_files:
  description: The written files.
  returned: success
  type: list
  elements: str
reloaded:
  description: Whether the server was reloaded.
  returned: success
  type: bool
restarted:
  description: Whether the server was restarted.
  returned: success
  type: bool
pending_restart:
  description: Settings that are waiting for a restart.
  returned: success
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.memory import read_host_memory_mb
from ansible_collections.slipway.flask.plugins.module_utils._host.told import told
from ansible_collections.slipway.flask.plugins.module_utils._postgres import databases, network, passwords, sizing
from ansible_collections.slipway.flask.plugins.module_utils._postgres.cluster import archives, ensure
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    PostgresError,
    database_problems,
    find_cluster,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import (
    archive_settings,
    conf_text,
    has_statistics,
    hba_text,
    server_settings,
)

ARGUMENTS: dict[str, Any] = {
    "databases": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "owner": {"type": "str"},
            "extensions": {"type": "list", "elements": "str", "default": []},
        },
    },
    "cluster": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "shared_buffers_percent": {"type": "int", "default": 15},
    "max_connections": {"type": "int", "default": 0},
    "connections": {"type": "int", "default": 0},
    "slow_statement_ms": {"type": "int", "default": 500},
    "timezone": {"type": "str", "default": "UTC"},
    "locale": {"type": "str", "default": "C.UTF-8"},
    "archive_command": {"type": "str", "default": ""},
    "settings": {"type": "dict", "default": {}},
    "hba": {"type": "list", "elements": "str", "default": []},
    "listen": {"type": "list", "elements": "str", "default": []},
    "certificate": {"type": "str", "default": ""},
    "key": {"type": "str", "default": "", "no_log": False},
    "clients": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "database": {"type": "str", "required": True},
            "user": {"type": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "required": True},
        },
    },
    "restart": {"type": "bool", "default": False},
}


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked, done, sockets = module.params, databases.Plan(), SOCKET_FOLDER
    if problems := database_problems(asked["databases"] or []) or network.problems(asked):
        module.fail_json(msg="databases: " + "; ".join(problems))
    remote = {client["user"]: passwords.read(client["user"]) for client in asked["clients"]}
    if not module.check_mode:
        remote = {role: password or passwords.make(role) for role, password in remote.items()}
    wanted = databases.wanted_databases(asked["databases"] or [], remote)
    try:
        there, memory_mb = find_cluster(asked["cluster"]), asked["memory_mb"] or read_host_memory_mb()
        archiving = archive_settings(asked["archive_command"], archives(there), asked["settings"])
        size = sizing.Size(asked["max_connections"])
        if not asked["max_connections"]:
            size = sizing.size(asked["connections"], memory_mb, sizing.written(there))
        settings = server_settings(
            memory_mb, asked["shared_buffers_percent"], size.connections,
            asked["slow_statement_ms"], asked["timezone"],
            {**network.settings(asked["listen"], asked["certificate"], asked["key"]), **archiving, **asked["settings"]},
        )  # fmt: skip
        outcome = ensure(
            asked["cluster"], settings, conf_text(settings),
            hba_text([*asked["hba"], *network.rules(asked["clients"])]), asked["locale"],
            restart=asked["restart"], check=module.check_mode, listens=bool(asked["listen"]),
        )  # fmt: skip
        if asked["databases"] is not None:
            absent = module.check_mode and outcome.started  # a server that is yet to be made or started can't be asked
            asking = None if absent else outcome.cluster
            done, sockets = databases.ensure(
                asking, wanted, asked["locale"], statistics=has_statistics(settings), check=module.check_mode
            )
    except (PostgresError, ValueError) as error:
        module.fail_json(msg=str(error))
    short = [size.short] if size.short else []
    for warning in [*([] if module.check_mode else outcome.warnings), *done.warnings, *short]:
        module.warn(warning)
    statements = [{"before": "", "after": "".join(f"{line};\n" for line in done.lines)}] if done.lines else []
    cluster = outcome.cluster
    sockets = outcome.status.get("sockets", sockets).split(",")[0].strip()
    module.exit_json(
        changed=outcome.changed or bool(done.lines),
        diff=outcome.diff + ([told(outcome.actions)["diff"]] if outcome.actions else []) + statements,
        socket_directory=sockets,
        statements=done.lines,
        databases=databases.described(wanted, done, sockets, cluster.port if cluster else 5432),
        **outcome.answer(),
    )


if __name__ == "__main__":
    main()
