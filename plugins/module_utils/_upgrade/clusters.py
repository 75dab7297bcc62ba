# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Two clusters of one host, the old and the new: made of each other, given each other's port, and removed.

The new one is a copy (`pg_upgradecluster --method=upgrade`): the old one stays whole, and is the way back. A link would be
faster and burn it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names, server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError, run

UNIT = "slipway-upgrade-database.service"
"""What pg_upgradecluster and all that it starts runs in, so that a next run finds and ends what a killed one has left."""
CONFIGURATION, DATA = Path("/etc/postgresql"), Path("/var/lib/postgresql")
AUTO, MANUAL = "auto\n", "manual\n"
TAIL = 2000

COLLATIONS = """
SELECT datname FROM pg_database WHERE datallowconn AND datcollversion IS NOT NULL
  AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid);
"""
OLD_COLLATIONS = """
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datcollate !~* '^(C|POSIX)([.]|$)';
"""
"""Before PostgreSQL 15 no database says which version of its collation it was made with: each that has one counts."""
DATABASES = "SELECT datname FROM pg_database WHERE datallowconn;"
OUTDATED = """
SELECT quote_ident(extname) FROM pg_extension JOIN pg_available_extensions ON name = extname
WHERE default_version <> extversion;
"""


def all_clusters() -> list[Cluster]:
    """Return the host's clusters, running or not."""
    return names.parse_clusters(run(["pg_lsclusters", "--no-header"]))


def find(name: str) -> Cluster | None:
    """Return the cluster called NAME (`17/main`), None when there is none."""
    return next((one for one in all_clusters() if f"{one.version}/{one.name}" == name), None)


def there(name: str) -> Cluster:
    """Return the cluster called NAME. Raises PostgresError when there is none."""
    if found := find(name):
        return found
    raise PostgresError(f"there is no PostgreSQL cluster {name} on this host any more")


def rows(cluster: Cluster, sql: str, database: str = "postgres") -> list[str]:
    """Return the lines that the server answers."""
    return names.psql(cluster, sql, database).split("\n")[:-1]


def stale_collations(cluster: Cluster) -> list[str]:
    """Return the databases whose text indexes this operating system would order otherwise."""
    return rows(cluster, COLLATIONS if int(cluster.version) >= 15 else OLD_COLLATIONS)


def convert(old: Cluster, version: str) -> None:
    """Make the cluster of VERSION as a copy of OLD, which is stopped meanwhile; the new one is not started.

    :raises PostgresError: with the end of what pg_upgradecluster said. It has removed what it made then.
    """
    done = subprocess.run(
        ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={UNIT}", "--working-directory=/",
         "--setenv=LC_ALL=C.UTF-8", "pg_upgradecluster", "--method=upgrade", "--no-start", "-v", version, old.version, old.name],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise PostgresError(f"pg_upgradecluster failed: {done.stdout.strip()[-TAIL:]}")


def end_convert() -> None:
    """End a conversion that a killed run has left running."""
    systemd.stop(UNIT)


def configure(old: Cluster, new: Cluster) -> None:
    """Give NEW the files of OLD's configuration that pg_upgradecluster leaves behind, each its owner, and try them."""
    (new.folder / "conf.d").mkdir(mode=0o755, exist_ok=True)
    for path in [old.folder / "pg_hba.conf", *sorted((old.folder / "conf.d").glob("*.conf"))]:
        copy = new.folder / path.relative_to(old.folder)
        shutil.copy2(path, copy)
        shutil.chown(copy, path.owner(), path.group())
    server.check_conf(new)


def accepts(version: str, old: Cluster) -> str:
    """Return why the server of VERSION would refuse OLD's drop-ins, "" when it takes them."""
    trial = Path("/run/slipway-upgrade.conf")
    trial.write_text(
        f"data_directory = '{DATA}'\nhba_file = '{old.folder / 'pg_hba.conf'}'\n"
        f"ident_file = '{old.folder / 'pg_ident.conf'}'\ninclude_dir = '{old.folder / 'conf.d'}'\n"
    )
    trial.chmod(0o644)
    program = f"/usr/lib/postgresql/{version}/bin/postgres"
    try:
        run([program, "-C", "data_directory", "-c", f"config_file={trial}"], user=names.SUPERUSER)
    except PostgresError as error:
        return str(error)
    finally:
        trial.unlink()
    return ""


def settle(new: Cluster, collations: list[str]) -> list[str]:
    """Bring what is in NEW, which runs, to its version; return what did not work and does not matter to the app.

    :raises PostgresError: when an index can't be made again.
    """
    notes = []
    for database in rows(new, DATABASES):
        for extension in rows(new, OUTDATED, database):
            try:
                names.psql(new, f"ALTER EXTENSION {extension} UPDATE;", database)
            except PostgresError as error:
                notes.append(f"the extension {extension} of {database} stays at its old version: {error}")
    for database in collations:
        run([str(new.programs / "reindexdb"), "-p", str(new.port), "-d", database], user=names.SUPERUSER)
    analyse(new, 1)
    return notes


def analyse(new: Cluster, target: int = 0) -> None:
    """Collect the planner's statistics: from TARGET times 300 rows of each table, 0 for as many as the server is set to."""
    # As `vacuumdb --analyze-in-stages` has them; the first alone is waited for by visitors.
    options = [f"-c default_statistics_target={target}"] if target else []
    options += ["-c vacuum_cost_delay=0"] if target == 1 else []
    command = [str(new.programs / "vacuumdb"), "-p", str(new.port), "--all", "--analyze-only", "--quiet"]
    run(["env", f"PGOPTIONS={' '.join(options)}", *command], user=names.SUPERUSER)


def start(cluster: Cluster) -> None:
    """Start the server, and wait until it answers and systemd knows: who stops it before that leaves systemd waiting forever.

    :raises PostgresError: when it doesn't, with the end of its log.
    """
    server.start(cluster, "start")
    run(["systemctl", "start", cluster.unit])


def stop(cluster: Cluster) -> None:
    """End the server, or a start of it that has come to nothing, and wait for that."""
    systemd.stop(cluster.unit)


def place(cluster: Cluster, port: int, start: str) -> Cluster:
    """Give CLUSTER, which does not run, a PORT, and say whether it STARTs at boot; return it."""
    run(["pg_conftool", cluster.version, cluster.name, "set", "port", str(port)])
    at_boot(cluster, start)
    return there(f"{cluster.version}/{cluster.name}")


def at_boot(cluster: Cluster, start: str) -> None:
    """Say whether CLUSTER STARTs at boot."""
    (cluster.folder / "start.conf").write_text(start)
    systemd.systemctl("daemon-reload")  # PostgreSQL's generator reads it


def remove(name: str) -> None:
    """Remove the cluster called NAME with all that is in it, also one that was not finished."""
    version, _, cluster = name.partition("/")
    if find(name):
        run(["pg_dropcluster", "--stop", version, cluster])
    for folder in (DATA / version / cluster, CONFIGURATION / version / cluster):
        if folder.is_dir():
            shutil.rmtree(folder)
