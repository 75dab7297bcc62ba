# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The server of a cluster: checked, started, reloaded and asked. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
    find_cluster,
    literal,
    log_tail,
    psql,
    run,
    versions_installed,
)

RELOAD_SECONDS = 10
START_SECONDS = 60
"""How long a start may take before it counts as failed; crash recovery of a small database takes seconds."""
STATUS = """
SELECT json_build_object(
  'settings', (SELECT coalesce(json_object_agg(name, current_setting(name)), '{{}}')
               FROM pg_settings WHERE lower(name) IN ({names})),
  'pending', (SELECT coalesce(json_agg(name ORDER BY name), '[]')
              FROM pg_settings WHERE pending_restart AND lower(name) IN ({names})),
  'overridden', (SELECT coalesce(json_object_agg(name, coalesce(sourcefile, source)), '{{}}') FROM pg_settings
                 WHERE lower(name) IN ({names}) AND source <> 'default' AND sourcefile IS DISTINCT FROM {conf}
                   AND NOT pending_restart),
  'hba', (SELECT coalesce(json_agg(format('line %s: %s', line_number, error)), '[]')
          FROM pg_hba_file_rules WHERE error IS NOT NULL),
  'sockets', current_setting('unix_socket_directories'),
  'loaded', extract(epoch FROM pg_conf_load_time()));
"""

DATABASES = """
SELECT coalesce(json_agg(datname), '[]') FROM pg_database WHERE datallowconn AND NOT datistemplate;
"""
HAS_TABLES = """
SELECT EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace NOT IN
  (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema') OR nspname LIKE 'pg\\_%'));
"""


def read_status(cluster: Cluster, names: list[str], conf: Path) -> dict[str, Any]:
    """Ask the server for our settings: their values, which wait for a restart, and which are set elsewhere."""
    sql = STATUS.format(names=", ".join(literal(name.lower()) for name in names), conf=literal(str(conf)))
    status: dict[str, Any] = json.loads(psql(cluster, sql))
    return status


def in_use(cluster: Cluster) -> bool:
    """Whether a database has a table: a restart of a server without any takes nothing from anybody."""
    names: list[str] = json.loads(psql(cluster, DATABASES))
    return any(psql(cluster, HAS_TABLES, name).strip() == "t" for name in names)


def check_conf(cluster: Cluster) -> None:
    """Let the server's own program read the configuration, as it would at a start.

    :raises PostgresError: with its message when it refuses.
    """
    config = cluster.folder / "postgresql.conf"
    run(
        [str(cluster.programs / "postgres"), "-C", "data_directory", "-c", f"config_file={config}"],
        user=SUPERUSER,
    )


def start(cluster: Cluster, verb: str) -> None:
    """Let systemd VERB (start, restart, reload-or-restart) the server, and wait until it answers.

    A mere start is not waited for: Debian's pg_ctlcluster looks only every half second whether the server is there, and
    once more a second later, so that its unit is active two seconds after the server has begun to answer.

    :raises PostgresError: when it doesn't answer within START_SECONDS after systemd is done, with the end of its log.
    """
    try:
        run(["systemctl", *["--no-block"] * (verb == "start"), verb, cluster.unit])
    except PostgresError:
        raise PostgresError(f"{cluster.unit} doesn't {verb}. End of {cluster.log}:\n{log_tail(cluster)}") from None
    deadline = 0.0
    while True:
        try:
            psql(cluster, "SELECT 1;")
            return
        except PostgresError as error:
            # Debian's unit ignores a failed start ("ExecStart=-"), so only the server itself can tell.
            state = run(["systemctl", "show", "--property=ActiveState,Job", cluster.unit]).split()
            if not any(line.startswith("Job=") for line in state):
                deadline = deadline or time.monotonic() + START_SECONDS
                ended = {"ActiveState=failed", "ActiveState=inactive"} & {*state}
                if ended or time.monotonic() > deadline:
                    raise PostgresError(
                        f"{cluster.unit} doesn't answer after a start: {error}\n"
                        f"End of {cluster.log}:\n{log_tail(cluster)}"
                    ) from None
            time.sleep(0.1)


def reload(cluster: Cluster, loaded: float) -> None:
    """Make the server read its files again, and wait until it has: LOADED is when it last did (seconds)."""
    psql(cluster, "SELECT pg_reload_conf();")
    deadline = time.monotonic() + RELOAD_SECONDS
    while float(psql(cluster, "SELECT extract(epoch FROM pg_conf_load_time());")) <= loaded:
        if time.monotonic() > deadline:
            raise PostgresError(f"{cluster.unit} did not reload its files within {RELOAD_SECONDS} s; see {cluster.log}")
        time.sleep(0.05)


def create(wanted: str, locale: str) -> Cluster | None:
    """Make the host's first cluster: WANTED, or `main` of the newest installed version. It is not started yet.

    :raises PostgresError: when that version is not installed.
    """
    versions = versions_installed()
    if not versions:
        return None
    version, _, name = (wanted or f"{versions[-1]}/main").partition("/")
    if version not in versions:
        raise PostgresError(
            f"there is no PostgreSQL cluster {wanted} on this host and none can be created: installed versions are "
            f"{', '.join(versions)}"
        )
    run(["pg_createcluster", version, name or "main", f"--locale={locale}", "--encoding=UTF8"])
    return find_cluster(f"{version}/{name or 'main'}")
