# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings of PostgreSQL that are not in effect although Slipway's file has them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._postgres import server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, find_cluster, psql

SETTING = re.compile(r"^\s*(\w[\w.]*)\s*=", re.MULTILINE)
ALTERED = """
SELECT coalesce(json_object_agg(name, json_build_object('value', setting, 'file', sourcefile)), '{}')
FROM pg_file_settings WHERE sourcefile LIKE '%/postgresql.auto.conf';
"""
"""What ALTER SYSTEM has set, whether we set it or not: nothing of ours does."""
RECOVERY = re.compile(r"recovery_|restore_command|primary_|archive_cleanup_command")
"""What a restore or a standby has left in that file."""


def overridden(cluster: Cluster | None = None) -> Iterator[Difference]:
    """Yield what ALTER SYSTEM has set, settings of ours that other files override, those that wait for a restart.

    :raises PostgresError: when the server does not answer.
    """
    cluster = cluster or find_cluster()
    if not cluster or not cluster.online or not cluster.drop_in.is_file():
        return
    names = SETTING.findall(cluster.drop_in.read_text())
    status = server.read_status(cluster, sorted(names), cluster.drop_in)
    altered = {name: row for name, row in json.loads(psql(cluster, ALTERED)).items() if not RECOVERY.match(name)}
    for name, row in altered.items():
        yield Difference(f"PostgreSQL's {name}", f"is {row['value']} by {row['file']}: ALTER SYSTEM RESET {name}")
    for name, place in status["overridden"].items():
        if name not in altered:
            yield Difference(f"PostgreSQL's {name}", f"is {status['settings'].get(name, '?')} by {place}")
    for name in status["pending"]:
        yield Difference(f"PostgreSQL's {name}", "waits for a restart of the server")
