# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an upgrade of the host's PostgreSQL would do, how long the sites would be closed for it, and what is in its way.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._backup import settings as backup_settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names, older, server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import apps as apps_of
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import clusters, journal

FIXED_SECONDS, BYTES_PER_SECOND = 15, 60 * 2**20
"""An empty cluster takes some 15 s from the closing to the opening of the sites (measured: two servers started and stopped,
pg_upgrade's checks, the app's start); files are copied at 60 MB/s at least on a small VPS."""
SPARE = 512 * 2**20
"""Bytes that stay free: WAL and logs go on."""

FACTS = """
SELECT json_build_object(
  'data', current_setting('data_directory'),
  'databases', (SELECT json_object_agg(datname, pg_database_size(datname)) FROM pg_database
                WHERE datallowconn AND NOT datistemplate),
  'tablespaces', (SELECT count(*) FROM pg_tablespace) - 2,
  'replicas', (SELECT count(*) FROM pg_replication_slots));
"""
EXTENSIONS = "SELECT extname FROM pg_extension;"


@dataclass
class Plan:
    """An upgrade from OLD to NEW (`15/main`, `17/main`); PROBLEMS are why it can't be done, one sentence each."""

    old: str
    new: str
    port: int = 0
    databases: dict[str, int] = field(default_factory=dict)
    """Bytes of each."""
    size: int = 0
    needed: int = 0
    free: int = 0
    seconds: int = 0
    """How long the sites are closed, as a guess."""
    backup: str = ""
    """`backup` for a run of the host's backups, `dump` where it has none."""
    collations: list[str] = field(default_factory=list)
    removes: str = ""
    """What a cluster NEW is that is removed first, "" for none."""
    sites: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        return asdict(self)


def cluster_in_use(wanted: str) -> Cluster:
    """Return the cluster that serves. Raises PostgresError when there is none or it does not run."""
    found = names.find_cluster(wanted)
    if not found:
        raise PostgresError("there is no PostgreSQL on this host, so there is nothing to upgrade")
    return found


def plan(old: Cluster, apps: Sequence[apps_of.App]) -> Plan:
    """Return what would be done to OLD, whose server runs, and to APPS."""
    version = older.newest()
    found = Plan(f"{old.version}/{old.name}", f"{version}/{old.name}", old.port)
    facts = json.loads(names.psql(old, FACTS))
    found.databases = facts["databases"]
    data = Path(facts["data"])
    found.size = size_of(data) - size_of(data / "pg_wal")  # which is not copied
    found.free = shutil.disk_usage(facts["data"]).free
    found.backup = "backup" if backs_up() else "dump"
    found.needed = found.size + SPARE + (sum(found.databases.values()) // 2 if found.backup == "dump" else 0)
    found.seconds = FIXED_SECONDS + found.size // BYTES_PER_SECOND
    found.collations = clusters.stale_collations(old)
    found.sites, found.units = apps_of.sites(apps), apps_of.running(apps)
    found.problems = [*problems(old, version, facts, found), *not_well(apps)]
    return found


def backs_up() -> bool:
    """Tell whether the host's cluster is backed up."""
    settings = backup_settings.read()
    return bool(settings and settings.has_cluster)


def size_of(folder: Path) -> int:
    """Return the bytes below FOLDER on its file system."""
    return int(names.run(["du", "-sx", "--block-size=1", str(folder)]).split()[0])


def problems(old: Cluster, version: str, facts: dict[str, Any], found: Plan) -> list[str]:
    """Return why OLD can't be upgraded to VERSION."""
    wrong = []
    if found.free < found.needed:
        wrong.append(
            f"there is not enough disk space for a copy: {found.needed // 2**20} MB is needed and {found.free // 2**20} MB "
            f"free at {facts['data']}"
        )
    if facts["tablespaces"]:
        wrong.append("it has tablespaces of its own, which have to be upgraded manually (pg_upgradecluster(8))")
    if facts["replicas"]:
        wrong.append("it has replication slots, whose standbys have to be set up again: drop them first")
    for name, databases in missing_extensions(old, version, facts["databases"]).items():
        wrong.append(
            f"the extension {name} of {', '.join(databases)} is not installed for PostgreSQL {version}: install its package, "
            f"e.g. postgresql-{version}-{name.replace('_', '-')}"
        )
    if refused := clusters.accepts(version, old):
        wrong.append(
            f"PostgreSQL {version} rejects a setting in {old.folder}/conf.d (postgres_server_settings): {refused}"
        )
    if refused := packages(old, version, found.new):
        wrong.append(refused)
    return [*wrong, *in_the_way(found)]


def missing_extensions(old: Cluster, version: str, databases: Sequence[str]) -> dict[str, list[str]]:
    """Return the extensions that VERSION lacks, each with the databases that have it."""
    missing: dict[str, list[str]] = {}
    for database in databases:
        for name in clusters.rows(old, EXTENSIONS, database):
            if not Path(f"/usr/share/postgresql/{version}/extension/{name}.control").exists():
                missing.setdefault(name, []).append(database)
    return missing


def packages(old: Cluster, version: str, new: str) -> str:
    """Return what pg_upgradecluster finds missing among the packages; "" for nothing, or for one that can't say."""
    if clusters.find(new) or "'check'" not in Path("/usr/bin/pg_upgradecluster").read_text():
        return ""
    command = ["pg_upgradecluster", "--check", "-v", version, old.version, old.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    said = [line for line in (done.stdout + done.stderr).splitlines() if "is missing" in line]
    return "; ".join(said) if done.returncode and said else ""


def in_the_way(found: Plan) -> list[str]:
    """Say that there is a cluster NEW with something in it; an empty one, which a package has made, is removed."""
    new = clusters.find(found.new)
    if new is None:
        return []
    ours = journal.read()
    if ours and ours.new == found.new and ours.step == journal.GONE_BACK:
        found.removes = "with what was written to it until you went back"
        return []
    if not new.online:
        return [
            f"there is a cluster {found.new}, which is not running: start it so that its contents can be checked, or remove it"
        ]
    if server.in_use(new) or len(clusters.rows(new, clusters.DATABASES)) > 2:
        return [
            f"there is a cluster {found.new} with databases in it: remove it (pg_dropcluster(1)), or upgrade manually"
        ]
    found.removes = "which is empty"
    return []


def not_well(apps: Sequence[apps_of.App]) -> list[str]:
    """Say which apps do not answer: whether the new server is good for them could not be told."""
    return [
        f"{app.name} is not healthy now ({trouble}), so it could not be checked on the new server. Fix it first"
        for app in apps
        if (trouble := app.trouble())
    ]
