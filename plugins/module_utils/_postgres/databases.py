# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One owner and one database per app: what exists, what is missing, and the SQL between the two.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    Cluster,
    PostgresError,
    identifier,
    literal,
    psql,
    run,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import STATISTICS

ROLE = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
"""What an owner may do outside its own database: log in, no more."""

STATE = """
SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'sockets', current_setting('unix_socket_directories'),
  'statistics', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'),
  'roles', (SELECT json_object_agg(rolname, json_build_object(
      'superuser', rolsuper,
      'password', rolpassword,
      'plain', rolcanlogin AND NOT (rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
               AND coalesce(rolvaliduntil, 'infinity') = 'infinity'))
    FROM pg_authid),
  'databases', (SELECT json_object_agg(datname, json_build_object(
      'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding),
      'public', EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
                        WHERE acl.grantee = 0 AND acl.privilege_type IN ('CONNECT', 'TEMPORARY'))))
    FROM pg_database));
"""
EXTENSIONS = """
SELECT json_build_object('have', (SELECT coalesce(json_agg(extname), '[]') FROM pg_extension),
                         'available', (SELECT coalesce(json_agg(name), '[]') FROM pg_available_extensions));
"""


@dataclass(frozen=True)
class Database:
    """One wanted database; `extensions` are created by the superuser. PASSWORD: by which its owner comes from other hosts."""

    name: str
    owner: str
    extensions: tuple[str, ...] = ()
    password: str = field(default="", repr=False)


@dataclass
class Plan:
    """What has to be done: SQL per database that it runs in ('postgres' first), and what a person should know."""

    statements: dict[str, list[str]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, database: str, statement: str) -> None:
        self.statements.setdefault(database, []).append(statement)

    @property
    def lines(self) -> list[str]:
        """The statements, as they can be shown."""
        return [passwords.hidden(line) for statements in self.statements.values() for line in statements]


def wanted_databases(entries: Iterable[dict[str, Any]], of_roles: Mapping[str, str] | None = None) -> list[Database]:
    """Turn the module's (checked) entries into databases; the owner's default is the database's name.

    OF_ROLES are the passwords of the owners that have one.
    """
    owners = [(entry, entry.get("owner") or entry["name"]) for entry in entries]
    return [
        Database(entry["name"], owner, tuple(entry.get("extensions") or ()), (of_roles or {}).get(owner, ""))
        for entry, owner in owners
    ]


def empty_state() -> dict[str, Any]:
    """Return the state of a cluster that is yet to be made, for check mode."""
    fresh = {"owner": "postgres", "encoding": "UTF8", "public": True}
    return {
        "version": 0,
        "sockets": SOCKET_FOLDER,
        "statistics": False,
        "roles": {},
        "databases": {"postgres": dict(fresh), "template1": dict(fresh)},
        "extensions": {},
    }


def read_state(cluster: Cluster, wanted: Sequence[Database]) -> dict[str, Any]:
    """Ask the server for roles, databases and, where extensions are wanted, theirs."""
    state: dict[str, Any] = json.loads(psql(cluster, STATE))
    state["extensions"] = {
        database.name: json.loads(psql(cluster, EXTENSIONS, database.name))
        for database in wanted
        if database.extensions and database.name in state["databases"]
    }
    return state


def conflicts(wanted: Sequence[Database], state: dict[str, Any]) -> list[str]:
    """Return why WANTED can't be had on this server without taking something from somebody."""
    problems = []
    for database in wanted:
        role = state["roles"].get(database.owner)
        if role and role["superuser"]:
            problems.append(
                f"the role {database.owner} exists and is a superuser, which could read every app's data. Choose "
                f"another owner, or run as postgres: ALTER ROLE {identifier(database.owner)} NOSUPERUSER"
            )
        existing = state["databases"].get(database.name)
        if existing and existing["owner"] != database.owner:
            problems.append(
                f"the database {database.name} exists and belongs to {existing['owner']}, not to {database.owner}. "
                f"Choose another name, or hand it over as postgres: ALTER DATABASE {identifier(database.name)} "
                f"OWNER TO {identifier(database.owner)} (and REASSIGN OWNED for what is in it)"
            )
    return problems


def plan(wanted: Sequence[Database], state: dict[str, Any], locale: str, statistics: bool = False) -> Plan:
    """Work out the SQL that brings the server from STATE to WANTED; nothing is ever dropped.

    Databases come from template0, the only template that takes another encoding than its own (manual 23.3): a cluster
    that was made in C locale is SQL_ASCII. CONNECT and TEMPORARY, which PUBLIC has by default (manual 5.8), are
    revoked, so that an app's role gets into its own database only.

    STATISTICS makes the view pg_stat_statements, in the database postgres alone: it has the statements of all apps, and no
    app gets in there.
    """
    todo = Plan()
    for name in ("postgres", "template1"):
        if state["databases"].get(name, {}).get("public"):
            todo.add("postgres", f"REVOKE CONNECT, TEMPORARY ON DATABASE {identifier(name)} FROM PUBLIC")
    if statistics and not state["statistics"]:
        todo.add("postgres", f"CREATE EXTENSION IF NOT EXISTS {identifier(STATISTICS)}")
    for owner, password in {database.owner: database.password for database in wanted}.items():
        role = state["roles"].get(owner)
        kept_of = role.get("password") if role else None
        known = passwords.is_of(kept_of, password) if password else kept_of is None
        kept = f"PASSWORD {literal(passwords.verifier(password))}" if password else "PASSWORD NULL"
        if role is None:
            todo.add("postgres", f"CREATE ROLE {identifier(owner)} {ROLE}" + (f" {kept}" if password else ""))
        elif not role["plain"] or not known:
            todo.add("postgres", f"ALTER ROLE {identifier(owner)} {ROLE} {kept} VALID UNTIL 'infinity'")
    for database in wanted:
        _plan_database(todo, database, state, locale)
    return todo


def _plan_database(todo: Plan, database: Database, state: dict[str, Any], locale: str) -> None:
    name = identifier(database.name)
    existing = state["databases"].get(database.name)
    if existing is None:
        # Since 15 a cluster's default may be ICU, which LOCALE alone doesn't choose (manual, CREATE DATABASE).
        provider = " LOCALE_PROVIDER libc" if state["version"] >= 150000 else ""
        todo.add(
            "postgres",
            f"CREATE DATABASE {name} OWNER {identifier(database.owner)} TEMPLATE template0 "
            f"ENCODING 'UTF8'{provider} LOCALE {literal(locale)}",
        )
        todo.created.append(database.name)
    elif existing["encoding"] != "UTF8":
        todo.warnings.append(
            f"the database {database.name} has the encoding {existing['encoding']}, not UTF8; text other than ASCII "
            "may be refused or garbled. It can be changed only by dump, drop and restore"
        )
    if existing is None or existing["public"]:
        todo.add("postgres", f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC")
    have = state["extensions"].get(database.name, {}).get("have", [])
    for extension in database.extensions:
        if extension not in have:
            todo.add(database.name, f"CREATE EXTENSION IF NOT EXISTS {identifier(extension)}")


def missing_extensions(wanted: Sequence[Database], available: Iterable[str], version: str) -> list[str]:
    """Return a sentence for each wanted extension that the server's packages don't bring."""
    known = set(available)
    return [
        f"the extension {extension} of database {database.name} isn't installed on this host: add its package, e.g. "
        f"postgresql-{version}-{extension.replace('_', '-')}, to the app's `system_packages` (postgres_server_packages of the role)"
        for database in wanted
        for extension in database.extensions
        if extension not in known
    ]


def locale_problem(wanted: str, available: str) -> str:
    """Say that the locale WANTED is not in AVAILABLE (`locale -a`'s lines); '' when it is. C.UTF-8 is also C.utf8."""

    def plain(name: str) -> str:
        return name.lower().replace("-", "")

    if plain(wanted) in map(plain, available.split()):
        return ""
    return (
        f"the locale {wanted} isn't available on this host, which has {', '.join(available.split())}. Create it with locale-gen "
        "(package locales) and restart the server, or choose another one (postgres_server_locale of the role)"
    )


def apply(cluster: Cluster, todo: Plan) -> None:
    """Run the plan.

    :raises PostgresError: with the server's message; what was done before stays, the next run does the rest.
    """
    for database in sorted(todo.statements, key=lambda name: name != "postgres"):
        # An extension goes into the first schema of the path; none of the statements calls a function.
        psql(cluster, ";\n".join(todo.statements[database]) + ";\n", database, path="public")


def ensure(
    cluster: Cluster | None, wanted: Sequence[Database], locale: str, *, statistics: bool = False, check: bool = False
) -> tuple[Plan, str]:
    """Bring the server to WANTED (or only say how, with CHECK); return the plan and the socket folder.

    :param cluster: None is one that is yet to be made, with CHECK.
    :param statistics: whether the server counts what statements cost; see plan.
    :raises PostgresError: before any change when WANTED conflicts with what is there.
    """
    if cluster is None:
        return plan(wanted, empty_state(), locale, statistics), str(empty_state()["sockets"])
    state = read_state(cluster, wanted)
    problems = conflicts(wanted, state)
    if any(database.extensions for database in wanted):
        available = json.loads(psql(cluster, EXTENSIONS))["available"]
        problems += missing_extensions(wanted, available, cluster.version)
    if problems:
        raise PostgresError("; ".join(problems))
    todo = plan(wanted, state, locale, statistics)
    if todo.created and (problem := locale_problem(locale, run(["locale", "-a"]))):
        raise PostgresError(problem)
    if not check:
        apply(cluster, todo)
    return todo, state["sockets"].split(",")[0].strip()


def described(wanted: Iterable[Database], done: Plan, sockets: str, port: int) -> list[dict[str, Any]]:
    """Return WANTED for whoever connects to them, over the socket in the folder SOCKETS; DONE says which are new."""
    at_port = "" if port == 5432 else f"&port={port}"
    return [
        {
            "name": database.name,
            "owner": database.owner,
            "created": database.name in done.created,
            "url": f"postgresql:///{database.name}?host={sockets}{at_port}",
        }
        for database in wanted
    ]
