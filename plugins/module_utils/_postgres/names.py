# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PostgreSQL on Debian and Ubuntu: quoting, names, psql as another system user, and which cluster is meant.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import run_as

SUPERUSER = "postgres"
"""System user and role that Debian's packages make the superuser."""

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
"""63 octets are the longest name (NAMEDATALEN - 1, PostgreSQL manual 4.1.1); capitals would need quotes everywhere."""

RESERVED_DATABASES = {"postgres", "template0", "template1", "replication", "all", "sameuser", "samerole"}
"""The first three are the cluster's own; the others mean something else in pg_hba.conf (manual 21.1)."""

RESERVED_OWNERS = {"postgres", "root", "public", "all", "none", "current_role", "current_user", "session_user"}
"""The superuser, root, and words that SQL or pg_hba.conf read as something else."""


class PostgresError(RuntimeError):
    """Something that the person must know; the text is ready to be shown."""


@dataclass(frozen=True)
class Cluster:
    """One server instance as Debian's tools name it."""

    version: str
    name: str
    port: int
    online: bool
    log: str

    @property
    def unit(self) -> str:
        return f"postgresql@{self.version}-{self.name}.service"

    @property
    def folder(self) -> Path:
        return Path("/etc/postgresql") / self.version / self.name

    @property
    def drop_in(self) -> Path:
        """The file with our settings."""
        return self.folder / "conf.d" / "slipway.conf"

    @property
    def programs(self) -> Path:
        return Path("/usr/lib/postgresql") / self.version / "bin"


def identifier(name: str) -> str:
    """Quote NAME as an SQL identifier (manual 4.1.1).

    :raises ValueError: for an empty name or one with a NUL character.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} can't be an SQL identifier")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote TEXT as an SQL string; a backslash makes it an escape string, so that no server setting matters.

    :raises ValueError: for text with a NUL character.
    """
    if "\0" in text:
        raise ValueError("an SQL string can't hold a NUL character")
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def name_problem(name: Any, reserved: Iterable[str]) -> str:
    """Say why NAME can't be a database or role here; '' when it can."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return "must begin with a small letter or _ and have only small letters, digits, _ and -, 63 characters at most"
    if name in reserved or name.startswith("pg_"):
        return "is a name that PostgreSQL keeps for itself"
    return ""


def database_problems(databases: Any) -> list[str]:
    """Return what is wrong with a list of databases (`name`, `owner`, `extensions`), one sentence per fault."""
    if not isinstance(databases, Sequence) or isinstance(databases, str):
        return [f"must be a list of mappings with 'name', not {type(databases).__name__}"]
    problems: list[str] = []
    seen: set[str] = set()
    for number, entry in enumerate(databases, 1):
        if not isinstance(entry, Mapping) or "name" not in entry:
            problems.append(f"entry {number} must be a mapping with 'name'")
            continue
        name = entry["name"]
        owner = entry.get("owner") or name
        for unknown in sorted(set(map(str, entry)) - {"name", "owner", "extensions"}):
            problems.append(f"database '{name}' has the unknown key '{unknown}': keys are name, owner, extensions")
        if reason := name_problem(name, RESERVED_DATABASES):
            problems.append(f"the name of database '{name}' {reason}")
        if reason := name_problem(owner, RESERVED_OWNERS):
            problems.append(f"the owner '{owner}' of database '{name}' {reason}")
        if name in seen:
            problems.append(f"database '{name}' is listed twice: two apps would share it")
        seen.add(str(name))
        extensions = entry.get("extensions") or []
        if isinstance(extensions, str) or not isinstance(extensions, Sequence):
            problems.append(f"the extensions of database '{name}' must be a list of names such as [pg_trgm]")
            continue
        for extension in extensions:
            if not isinstance(extension, str) or not re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", extension):
                problems.append(f"'{extension}' can't be an extension of database '{name}': give a name like pg_trgm")
    return problems


def parse_clusters(text: str) -> list[Cluster]:
    """Read what `pg_lsclusters --no-header` printed."""
    clusters = []
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= 6 and columns[2].isdigit():
            clusters.append(
                Cluster(columns[0], columns[1], int(columns[2]), columns[3].startswith("online"), columns[-1])
            )
    return clusters


def choose_cluster(clusters: Sequence[Cluster], wanted: str = "") -> Cluster | None:
    """Return the cluster WANTED (`17/main`), or the only one, or the one on port 5432; None when there is none.

    Port 5432 is what libpq uses when nothing else is said, so apps end up there.

    :raises PostgresError: when the choice is not clear, or there are some and WANTED is not among them.
    """
    names = ", ".join(f"{c.version}/{c.name} (port {c.port})" for c in clusters) or "none"
    if wanted and clusters:
        for cluster in clusters:
            if f"{cluster.version}/{cluster.name}" == wanted:
                return cluster
        raise PostgresError(f"there is no PostgreSQL cluster {wanted} on this host; there is: {names}")
    if len(clusters) > 1:
        on_default_port = [cluster for cluster in clusters if cluster.port == 5432]
        if len(on_default_port) != 1:
            raise PostgresError(
                f"there are several PostgreSQL clusters, and not exactly one on port 5432: {names}. "
                f"Choose one, e.g. cluster: {clusters[-1].version}/{clusters[-1].name} (postgres_server_cluster of the role)"
            )
        return on_default_port[0]
    return clusters[0] if clusters else None


def find_cluster(wanted: str = "") -> Cluster | None:
    """Return the host's cluster as choose_cluster does; None also when PostgreSQL is not installed."""
    if not shutil.which("pg_lsclusters"):
        return None
    return choose_cluster(parse_clusters(run(["pg_lsclusters", "--no-header"])), wanted)


def versions_installed() -> list[str]:
    """Return the major versions whose server is installed, oldest first."""
    found = [path.parent.parent.name for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return sorted(found, key=version_key)


def version_key(version: str) -> list[int]:
    """Return what a major VERSION (`17`, `9.6`) is sorted by."""
    return [int(part) for part in version.split(".") if part.isdigit()]


def find_psql() -> str:
    """Return the newest psql, '' when there is none.

    Not Debian's wrapper in /usr/bin: it chooses host and port by rules of its own, which an app's driver doesn't know.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"), key=lambda path: version_key(path.parts[-3]))
    return str(found[-1]) if found else (shutil.which("psql") or "")


def as_user(name: str) -> dict[str, Any]:
    """Return subprocess arguments that make a command run as the system user NAME with that user's groups.

    :raises PostgresError: when the user doesn't exist.
    """
    try:
        return run_as.as_user(name)
    except run_as.NoUserError as error:
        raise PostgresError(str(error)) from None


def run(command: Sequence[str], stdin: str = "", user: str = "", seconds: float | None = None) -> str:
    """Run COMMAND (in C locale, in /) and return its standard output.

    :param seconds: after which it is ended; None waits forever.
    :raises PostgresError: when it fails, with its error output, or takes longer.
    """
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            list(command), input=stdin, text=True, capture_output=True, check=False, cwd="/", timeout=seconds,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}, **(as_user(user) if user else {}),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PostgresError(f"{Path(command[0]).name} took longer than {seconds:.0f} s and was stopped") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise PostgresError(f"{Path(command[0]).name} failed with exit code {done.returncode}: {said}")
    return done.stdout


def psql(
    cluster: Cluster, sql: str, database: str = "postgres", path: str = "pg_catalog", seconds: float | None = None
) -> str:
    """Run SQL as the superuser over the cluster's socket; stops at the first error.

    A database belongs to its app, which may have functions and operators of its own in it that are called like the system's:
    SQL that finds them would run them with the superuser's rights (CVE-2018-1058). So only the system's are found, and SQL
    must not read what an app has made: a view runs the app's functions as whoever reads it. `psql_as` is for that.

    :param path: the schema in which names are looked for; `public`, for statements that call nothing and make something there.
    :param seconds: after which psql is ended; None waits forever.
    :raises PostgresError: with psql's own message.
    """
    command = [*_psql(cluster, database), "-c", f"SET search_path = {path}", "-f", "-"]
    return run(command, stdin=sql, user=SUPERUSER, seconds=seconds)


def psql_as(user: str, cluster: Cluster, sql: str, database: str, seconds: int = 30) -> str:
    """Run SQL with the rights of an app, whose system user and role are both called USER, for SECONDS at most.

    :raises PostgresError: with psql's own message.
    """
    limit = f"SET statement_timeout = '{seconds}s'"
    command = [*_psql(cluster, database), "-U", user, "-c", limit, "-f", "-"]
    return run(command, stdin=sql, user=user, seconds=2 * seconds)


def _psql(cluster: Cluster, database: str) -> list[str]:
    command = [str(cluster.programs / "psql"), "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"]
    return [*command, "-p", str(cluster.port), "-d", database]


def log_tail(cluster: Cluster, lines: int = 12) -> str:
    """Return the last lines of the cluster's log, '' when it can't be read."""
    try:
        return "\n".join(Path(cluster.log).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
