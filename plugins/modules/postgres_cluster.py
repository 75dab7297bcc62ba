#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings and access rules of the host's PostgreSQL cluster, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_cluster
short_description: Configure the distribution's PostgreSQL cluster for apps on the same host
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Finds the cluster that the distribution's packages made (C(pg_lsclusters)), whichever PostgreSQL version that is, or
    makes one.
  - Writes C(conf.d/slipway.conf) with memory settings computed from the host's memory, no TCP listener, and logging;
    and C(pg_hba.conf) with peer authentication over the Unix socket.
  - The server's own program checks both before they count; a refused file is put back as it was.
  - Reloads the server when a file changed, and restarts it only when a setting needs that.
options:
  cluster:
    description: Which cluster, such as V(17/main). Empty is the only one, or the one on port 5432.
    type: str
    default: ""
  memory_mb:
    description: Memory in MiB that the settings are computed from. V(0) is the host's.
    type: int
    default: 0
  shared_buffers_percent:
    description: Part of the memory for C(shared_buffers), in percent.
    type: int
    default: 15
  max_connections:
    description: Most connections at a time.
    type: int
    default: 100
  slow_statement_ms:
    description: Statements that take longer are logged, in milliseconds. V(-1) logs none.
    type: int
    default: 1000
  timezone:
    description: Time zone of sessions and of the log.
    type: str
    default: UTC
  locale:
    description: Locale of a cluster that has to be made.
    type: str
    default: C.UTF-8
  settings:
    description: Further settings of C(postgresql.conf); they win over the computed ones.
    type: dict
    default: {}
  hba:
    description: Further lines of C(pg_hba.conf), before the general one.
    type: list
    elements: str
    default: []
  restart:
    description: Restart the server when a setting needs it. With V(false) such settings stay pending, with a warning.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Configure PostgreSQL for apps on this host
  slipway.flask.postgres_cluster:
    max_connections: 60
    settings:
      statement_timeout: 30s
"""

RETURN = r"""
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
  description: The managed settings as the server has them in effect.
  returned: success
  type: dict
changed_files:
  description: Files that were written.
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
  description: Settings that wait for a restart.
  returned: success
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._postgres.cluster import Outcome, ensure
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import (
    conf_text,
    hba_text,
    read_host_memory_mb,
    server_settings,
)

ARGUMENTS: dict[str, Any] = {
    "cluster": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "shared_buffers_percent": {"type": "int", "default": 15},
    "max_connections": {"type": "int", "default": 100},
    "slow_statement_ms": {"type": "int", "default": 1000},
    "timezone": {"type": "str", "default": "UTC"},
    "locale": {"type": "str", "default": "C.UTF-8"},
    "settings": {"type": "dict", "default": {}},
    "hba": {"type": "list", "elements": "str", "default": []},
    "restart": {"type": "bool", "default": True},
}


def warn(module: AnsibleModule, outcome: Outcome) -> None:
    """Tell what is not in effect although it was asked for."""
    if outcome.pending:
        module.warn(f"PostgreSQL must be restarted for: {', '.join(outcome.pending)}")
    for name, source in outcome.status.get("overridden", {}).items():
        module.warn(
            f"PostgreSQL's setting {name} is overridden by {source}: remove it there "
            f"(ALTER SYSTEM RESET {name} if that is postgresql.auto.conf)"
        )


def main() -> None:
    os.umask(0o022)  # the same modes whoever calls
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked = module.params
    try:
        settings = server_settings(
            asked["memory_mb"] or read_host_memory_mb(),
            asked["shared_buffers_percent"],
            asked["max_connections"],
            asked["slow_statement_ms"],
            asked["timezone"],
            asked["settings"],
        )
        outcome = ensure(
            asked["cluster"], settings, conf_text(settings), hba_text(asked["hba"]), asked["locale"],
            restart=asked["restart"], check=module.check_mode,
        )  # fmt: skip
    except (PostgresError, ValueError) as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        warn(module, outcome)
    cluster = outcome.cluster
    module.exit_json(
        changed=outcome.changed,
        diff=outcome.diff,
        version=cluster.version if cluster else "",
        cluster=cluster.name if cluster else "",
        port=cluster.port if cluster else 0,
        unit=cluster.unit if cluster else "",
        socket_directory=outcome.status.get("sockets", "/var/run/postgresql").split(",")[0].strip(),
        settings=outcome.status.get("settings", {}),
        changed_files=outcome.changed_files,
        reloaded=outcome.reloaded,
        restarted=outcome.restarted,
        pending_restart=outcome.pending,
    )


if __name__ == "__main__":
    main()
