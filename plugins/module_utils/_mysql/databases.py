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

from ansible_collections.slipway.flask.plugins.module_utils._mysql import names, url
from ansible_collections.slipway.flask.plugins.module_utils._mysql.names import (
    MysqlError,
    account,
    all_of,
    identifier,
    pattern,
)

STATE = r"""
SELECT 'database', SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA;
SELECT 'account', JSON_OBJECT('user', User, 'host', Host, 'priv', JSON_COMPACT(Priv)) FROM mysql.global_priv;
SELECT 'grant', JSON_OBJECT('user', User, 'host', Host, 'database', Db, 'whole',
  Create_priv = 'Y' AND Drop_priv = 'Y' AND Alter_priv = 'Y' AND Insert_priv = 'Y' AND Lock_tables_priv = 'Y') FROM mysql.db;
SELECT 'test', COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'test';
"""


@dataclass(frozen=True)
class Database:
    """One wanted database."""

    name: str
    owner: str


@dataclass
class Account:
    """Who may log in: `plain` is by unix_socket alone and with no right on the whole server."""

    user: str
    host: str
    plain: bool


@dataclass
class State:
    """What the server has: databases with their character sets, accounts, and who has all of which database (a pattern)."""

    databases: dict[str, str] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)
    in_test: int = 0
    """Tables in the database `test`."""

    def account(self, user: str) -> Account | None:
        return next((one for one in self.accounts if one.user == user and one.host == "localhost"), None)

    def may(self, user: str, database: str) -> bool:
        """Tell whether an account has all of a DATABASE."""
        return any(
            one["user"] == user and one["host"] == "localhost" and one["database"] == pattern(database) and one["whole"]
            for one in self.grants
        )

    def others(self, wanted: Sequence[Database]) -> list[str]:
        """Return the databases that are neither the system's nor WANTED."""
        return sorted(set(self.databases) - names.RESERVED_DATABASES - {one.name for one in wanted})


@dataclass
class Plan:
    """What has to be done as SQL, and what a person should know."""

    statements: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def wanted_databases(entries: Iterable[Mapping[str, Any]]) -> list[Database]:
    """Turn the module's (checked) entries into databases; the owner's default is the database's name."""
    return [Database(entry["name"], entry.get("owner") or entry["name"]) for entry in entries]


def read_state() -> State:
    """Ask the server."""
    state = State()
    for kind, *rest in names.sql(STATE):
        if kind == "database":
            state.databases[rest[0]] = rest[1]
        elif kind == "test":
            state.in_test = int(rest[0])
        elif kind == "grant":
            state.grants.append(json.loads(rest[0]))
        else:
            state.accounts.append(_account(json.loads(rest[0])))
    return state


def _account(told: Mapping[str, Any]) -> Account:
    rights = told["priv"] if isinstance(told["priv"], dict) else json.loads(told["priv"])
    alone = (
        rights.get("plugin") == "unix_socket" and not rights.get("authentication_string") and not rights.get("auth_or")
    )
    return Account(told["user"], told["host"], bool(alone and not int(rights.get("access", 0))))


def conflicts(wanted: Sequence[Database], state: State) -> list[str]:
    """Return why WANTED can't be had on this server without taking something from somebody."""
    problems = []
    for database in wanted:
        owner = state.account(database.owner)
        if owner and not owner.plain:
            problems.append(
                f"MariaDB's account {database.owner}@localhost exists, and does not log in by unix_socket, or has "
                f"privileges on the whole server. Choose another owner, or hand it over as root: `mariadb -e "
                f'"REVOKE ALL PRIVILEGES, GRANT '
                f'OPTION FROM {account(database.owner)}; ALTER USER {account(database.owner)} IDENTIFIED VIA unix_socket"`'
            )
        if database.name in state.databases and not state.may(database.owner, database.name):
            problems.append(
                f"the database {database.name} exists, and {database.owner}@localhost has no privileges on all of it: "
                'somebody else created it. Choose another name, or hand it over as root: `mariadb -e "CREATE USER IF NOT EXISTS '
                f'{account(database.owner)} IDENTIFIED VIA unix_socket; {grant(database)}"`'
            )
    return problems


def grant(database: Database) -> str:
    """Return the statement that gives the owner all of a database, and nothing else."""
    return f"GRANT ALL PRIVILEGES ON {all_of(database.name)} TO {account(database.owner)}"


def plan(wanted: Sequence[Database], state: State, collation: str, own: bool) -> Plan:
    """Work out the SQL that brings the server from STATE to WANTED; no database but an empty `test` is ever dropped.

    own: the server is for the apps alone. In anybody else's nothing is taken away.
    """
    todo = Plan()
    _doors(todo, state, own)
    for owner in dict.fromkeys(database.owner for database in wanted):
        if state.account(owner) is None:
            todo.statements.append(f"CREATE USER {account(owner)} IDENTIFIED VIA unix_socket")
    for database in wanted:
        charset = state.databases.get(database.name)
        if charset is None:
            todo.statements.append(
                f"CREATE DATABASE {identifier(database.name)} CHARACTER SET utf8mb4 COLLATE {collation}"
            )
            todo.created.append(database.name)
        elif charset != "utf8mb4":
            todo.warnings.append(
                f"the database {database.name} has the character set {charset}, not utf8mb4, which refuses or garbles some "
                "characters: ALTER DATABASE changes it for new tables, ALTER TABLE … CONVERT TO for each old one"
            )
        if not state.may(database.owner, database.name):
            todo.statements.append(grant(database))
    return todo


def _doors(todo: Plan, state: State, own: bool) -> None:
    """Close what lets in everybody: accounts without a name, and the database `test` that is open to all."""
    nameless = [one.host for one in state.accounts if not one.user]
    open_grants = [one for one in state.grants if not one["user"] and one["database"].startswith("test")]
    if not own:
        if nameless or open_grants:
            todo.warnings.append(
                "MariaDB lets anybody on this host in (anonymous accounts, or privileges of everybody on `test`); the "
                "server has other databases, so nothing was revoked. mariadb-secure-installation does that"
            )
        return
    todo.statements += [f"DROP USER ''@{names.literal(host)}" for host in nameless]
    if open_grants:
        todo.statements += ["DELETE FROM mysql.db WHERE User = '' AND Db LIKE 'test%'", "FLUSH PRIVILEGES"]
    if "test" in state.databases and not state.in_test:
        todo.statements.append("DROP DATABASE test")
    elif "test" in state.databases:
        todo.warnings.append("the database `test` has tables and is kept; only root and its owners have access")


def ensure(wanted: Sequence[Database], collation: str, own: bool, *, check: bool = False) -> Plan:
    """Bring the server to WANTED (or only say how, with CHECK); return what was done.

    :raises MysqlError: before any change when WANTED conflicts with what is there.
    """
    state = read_state()
    if problems := conflicts(wanted, state):
        raise MysqlError("; ".join(problems))
    todo = plan(wanted, state, collation, own)
    if todo.statements and not check:
        names.sql(";\n".join(todo.statements) + ";\n")
    return todo


def described(wanted: Iterable[Database], done: Plan) -> list[dict[str, Any]]:
    """Return WANTED for whoever connects to them; DONE says which are new."""
    return [
        {
            "name": database.name,
            "owner": database.owner,
            "created": database.name in done.created,
            "url": url.socket_url("mysql+pymysql", database.name, database.owner),
        }
        for database in wanted
    ]
