# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's MariaDB, under the names of mysqld_exporter.

Asked by its client as root, once for all: of databases, only how large their files are, so that nothing that an app has made is
read. Source: MariaDB's documentation, "Server Status Variables", "Information Schema INNODB_SYS_TABLESPACES Table".
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET

SECONDS = 8
SLOW_EVERY = 60.0
"""Seconds between two looks at sizes."""
MOST = 50
"""Databases whose size is told."""
GAUGES = {
    "threads_connected": "Open connections.",
    "threads_running": "Connections that are running a statement.",
    "max_used_connections": "Maximum number of simultaneous connections since the server started.",
    "uptime": "Seconds since the server started.",
}
COUNTERS = {
    "queries": "Statements executed.",
    "slow_queries": "Statements that took longer than long_query_time.",
    "aborted_connects": "Failed logins.",
    "innodb_buffer_pool_read_requests": "Logical page reads.",
    "innodb_buffer_pool_reads": "Page reads that had to read from disk.",
    "innodb_deadlocks": "Transactions rolled back because of deadlocks.",
    "innodb_row_lock_waits": "Waits for a row locked by another transaction.",
}
COMMANDS = ("commit", "rollback")
NOW = f"""
SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
WHERE VARIABLE_NAME IN ({", ".join(f"'{name}'" for name in (*GAUGES, *COUNTERS, *(f"com_{one}" for one in COMMANDS)))});
SELECT 'max_connections', @@GLOBAL.max_connections;
"""
SIZES = f"""
SELECT SUBSTRING_INDEX(NAME, '/', 1), SUM(FILE_SIZE) FROM information_schema.INNODB_SYS_TABLESPACES
WHERE NAME LIKE '%/%' GROUP BY 1 ORDER BY 2 DESC LIMIT {MOST};
"""
ENCODED = re.compile(r"@([0-9a-f]{4})")
"""A sign in the name of a file that stands for another one (MariaDB's documentation, "Identifier to File Name Mapping")."""


class Mysql:
    """A part of the collector."""

    name = "mysql"
    every = 15.0

    def __init__(self, config: Config, socket: str = SOCKET) -> None:
        self.config, self.socket = config, socket
        self.sizes: list[Sample] = []
        self.sizes_at = float("-inf")

    def samples(self, now: float) -> Iterator[Sample]:
        if not any(app.more.get("mariadb") for app in self.config.apps):
            return
        try:
            found = [*told(dict(self._ask(NOW))), *self._sizes(now)]
        except names.MysqlError:
            found = []
        yield Sample("mysql_up", float(bool(found)), help="Whether MariaDB answers.")
        yield from found

    def _sizes(self, now: float) -> list[Sample]:
        if now - self.sizes_at >= SLOW_EVERY - 1:
            self.sizes, self.sizes_at = list(sizes(self._ask(SIZES))), now
        return self.sizes

    def _ask(self, sql: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in names.sql(sql, socket=self.socket, seconds=SECONDS)]


def told(found: Mapping[str, str]) -> Iterator[Sample]:
    """Yield what the server says of itself; a variable that a version does not have is left out."""
    yield Sample(
        "mysql_global_variables_max_connections",
        float(found["max_connections"]),
        help="Maximum number of connections.",
    )
    for kind, some in (("gauge", GAUGES), ("counter", COUNTERS)):
        for name, help_ in some.items():
            if name in found:
                yield Sample(f"mysql_global_status_{name}", float(found[name]), kind=kind, help=help_)
    for name in COMMANDS:
        if f"com_{name}" in found:
            value, labels = float(found[f"com_{name}"]), {"command": name}
            yield Sample("mysql_global_status_commands_total", value, labels, "counter", "Statements, by kind.")


def sizes(rows: Iterable[tuple[str, str]]) -> Iterator[Sample]:
    """Yield how large the databases of ROWS (name of the folder, bytes) are, without the server's own."""
    for folder, size in rows:
        schema = ENCODED.sub(lambda sign: chr(int(sign[1], 16)), folder)
        if schema not in names.RESERVED_DATABASES:
            yield Sample(
                "slipway_mysql_database_size_bytes",
                float(size),
                {"schema": schema},
                help="Size of the database's table files.",
            )
