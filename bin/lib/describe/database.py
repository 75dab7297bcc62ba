# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The database and what makes its tables: `database`, `database_variable`, `release_commands`, a folder for SQLite's file."""

from __future__ import annotations

import ast
import re
import secrets

from describe import config, settings, tables
from describe.app import TODO, App
from describe.code import argument, called, inside
from describe.settings import Read

URI = ("SQLALCHEMY_DATABASE_URI", "DATABASE_URL", "DATABASE_URI", "SQLALCHEMY_URL", "DB_URI", "DB_URL")
URL_NAME = re.compile(
    r"(DATABASE|DB|POSTGRES(QL)?|PG|SQLALCHEMY(_DATABASE)?)_?(URL|URI|DSN|CONNECTION(_STRING)?)|DATABASE|SQLALCHEMY_DATABASE_URI"
    r"|\w+_(DATABASE|DB)_UR[LI]|\w+_SQLALCHEMY_DATABASE_URI|\w+_DATABASE_CONNECTION"
)
PIECES = re.compile(
    r"(\w+_)?(DB|POSTGRES|PG|PGSQL|POSTGRESQL|DATABASE|SQL)_?(HOST|USER(NAME)?|PASS(WORD)?|PW|NAME|PORT|SERVER|ADDRESS|DATABASE|DB)"
)
SQL = (
    "sqlalchemy", "flask-sqlalchemy", "flask-sqlalchemy-lite", "sqlmodel", "peewee", "psycopg2", "psycopg2-binary", "psycopg",
    "pony", "records", "asyncpg", "pg8000", "flask-peewee", "flask-migrate", "alembic", "tortoise-orm", "dataset", "psycopg-c",
)  # fmt: skip
MYSQL = ("pymysql", "mysqlclient", "mysql-connector-python", "flask-mysqldb", "flask-mysql", "mysql-connector")
POSTGRES = ("psycopg2", "psycopg2-binary", "psycopg", "psycopg-c", "asyncpg", "pg8000", "psycopg2cffi")
OTHERS = {"pymongo": "MongoDB", "flask-pymongo": "MongoDB", "mongoengine": "MongoDB", "flask-mongoengine": "MongoDB",
          "elasticsearch": "Elasticsearch", "opensearch-py": "OpenSearch", "cassandra-driver": "Cassandra", "neo4j": "Neo4j",
          "influxdb": "InfluxDB", "couchdb": "CouchDB", "pika": "RabbitMQ"}  # fmt: skip


def find(app: App) -> None:
    """Say what the app's database is and how its tables come."""
    _others(app)
    uses = app.has(*SQL, *MYSQL) or app.imports(
        "sqlalchemy", "flask_sqlalchemy", "peewee", "psycopg2", "psycopg", "pymysql", "MySQLdb"
    )
    if not uses:
        where = app.imports("sqlite3")
        app.say("database", "none", f"{where} uses SQLite" if where else "no package or import of a database's")
        if where:
            sqlite(app)
        tables.find(app, default=False)
        return
    read = _read(app)
    own, start = config.own_file(app), config.prefix(app)
    lite = _fixed(app)
    if app.has(*MYSQL) and not app.has(*POSTGRES):
        _mysql(app, read)
    elif read or start is not None:
        _local(
            app,
            read.name if read else f"{start}SQLALCHEMY_DATABASE_URI",
            read.where if read else "settings come from the environment",
        )
    elif own and config.of(app, *URI):
        _in_file(app, own)
    elif lite:
        app.say("database", "none", lite)
        sqlite(app)
    elif pieces(app):
        app.say("database", "local", "PostgreSQL on the host; the app reads its address in pieces, see environment")
        _pieces(app)
    elif own and app.imports("flask_sqlalchemy"):
        _in_file(app, own)
    else:
        said = f"{TODO}: local, mariadb, url or none"
        app.say("database", said, "the code uses one, and where it looks for it could not be told")
    tables.find(app, default=app.lines["database"].value in ("local", "mariadb"))


def _local(app: App, name: str, where: str) -> None:
    app.say("database", "local", f"PostgreSQL on this host; {where} reads its URL", off=True)
    if name != "DATABASE_URL":
        app.say("database_variable", name, where)
    scheme = next((one for one in config.of(app, *URI) if "replace" in ast.unparse(one.value)), None)
    if app.has("psycopg2", "psycopg2-binary") and not app.has("sqlalchemy", "flask-sqlalchemy") and scheme is None:
        app.say("database_scheme", "postgresql", "psycopg2 without SQLAlchemy", off=True)


def _in_file(app: App, own: config.OwnFile) -> None:
    """The URL goes into the settings file that the app reads."""
    content = 'import os\nSQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]\n'
    config.put_file(app, own, content)
    app.say("database", "local", f"PostgreSQL on this host; {own.path} passes its URL on", off=True)


def _mysql(app: App, read: Read | None) -> None:
    drivers = f"the driver is MySQL's ({', '.join(one for one in MYSQL if app.has(one))})"
    if not read:
        app.say("database", "none", f"{drivers}, and no variable has its whole URL: say where it is")
        _pieces(app)
        return
    app.say("database", "mariadb", f"MariaDB on this host: {drivers}, and {read.where} reads its URL")
    if read.name != "DATABASE_URL":
        app.say("database_variable", read.name, read.where)


def _read(app: App) -> Read | None:
    """Return the variable that holds the database's URL."""
    for one in config.of(app, *URI):
        read = config.variable(app, one)
        if read and not PIECES.fullmatch(read.name):
            return read
    candidates = [
        one
        for one in settings.reads(app)
        if URL_NAME.fullmatch(one.name) and "REDIS" not in one.name and "TEST" not in one.name
    ]
    return next((one for one in candidates if not (isinstance(one.default, str) and re.search(r"\.(db|sqlite3?)$", one.default)
                                                   and "://" not in one.default)), None)  # fmt: skip


def pieces(app: App) -> list[Read]:
    """Return the variables that hold a part of the database's address each."""
    return [
        one for one in settings.reads(app) if PIECES.fullmatch(one.name) and not settings.aside(one.module, one.node)
    ]


def _pieces(app: App) -> None:
    """Say the parts of the address: those of PostgreSQL's socket on the host.

    A URL can't name a folder as its host, and libpq and asyncpg take an empty host for the socket; SQLAlchemy leaves it away.
    The socket asks for no password; an app that insists on one gets any.
    """
    above = (node for one in pieces(app) for node in one.module.above(one.node)[:4])
    in_url = any("://" in ast.unparse(node) for node in above if isinstance(node, (ast.JoinedStr, ast.BinOp, ast.Call)))
    local = app.has(*POSTGRES) and not (in_url and app.has("pg8000"))
    socket = "" if in_url else "/var/run/postgresql"
    known = {"HOST": socket, "NAME": app.name, "USER": app.name, "USERNAME": app.name, "PORT": 5432, "DB": app.name,
             "DATABASE": app.name, "SERVER": socket, "ADDRESS": socket}  # fmt: skip
    for one in pieces(app):
        if one.name in app.inner.get("environment", {}):
            continue
        kind = re.sub(r"^.*_(?=[A-Z]+$)", "", one.name)
        if local:
            if kind in known:
                app.also(
                    "environment",
                    one.name,
                    known[kind],
                    f"{one.where}: PostgreSQL's socket on this host",
                )
            elif re.search(r"PASS|PW", kind) and not isinstance(one.default, str):
                app.secret(
                    one.name,
                    secrets.token_hex(32),
                    f"{one.where}: any password, the socket on this host asks for none; fresh",
                )
        elif re.search(r"PASS|PW", kind):
            app.secret(one.name, TODO, f"{one.where}: the database's password")
        else:
            app.also("environment", one.name, f"{TODO}: the database's {kind.lower()}", one.where)


def _fixed(app: App) -> str:
    """Return where the code fixes SQLite as its database, "" when it does not."""
    for one in config.of(app, *URI):
        if settings.ELSEWHERE.search(one.module.path):
            continue
        value = app.values.of(one.module, one.value)
        if isinstance(value, str) and value.startswith("sqlite:"):
            return f"{one.where} is SQLite: {value.replace('/<source>', '…')}"
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and re.search(
                r"(create_engine|SqliteDatabase|SqliteExtDatabase)$", called(module, node)
            ):
                value = app.values.of(module, argument(node, 0, "url", "database"))
                if "Sqlite" in called(module, node) or (isinstance(value, str) and value.startswith("sqlite:")):
                    return f"{module.where(node)} is SQLite"
    return ""


def sqlite(app: App) -> None:
    """Say the folder of SQLite's file, so that it outlives a release."""
    for path, where, relative in files(app):
        folder = path.rpartition("/")[0] or ("instance" if relative else "")
        if folder and folder.replace("/", ".") not in app.tree.by_name:
            app.more("shared_folders", folder, f"{where} keeps SQLite's file there")
        else:
            app.dangers.append(
                f"{where} keeps SQLite's file {path} beside the code, where no release can write: move it "
                "into a folder of its own, instance/ for example, and name that in shared_folders"
            )


def files(app: App) -> list[tuple[str, str, bool]]:
    """Return (path, where, whether Flask-SQLAlchemy puts it into instance/) of SQLite's files that the code names."""
    found = []
    for one in config.of(app, *URI, "DATABASE", "DB_PATH", "DATABASE_PATH", "DB_FILE", "DATABASE_FILE", "DB_NAME"):
        value = app.values.of(one.module, one.value)
        if not isinstance(value, str) or settings.ELSEWHERE.search(one.module.path) or ":memory:" in value:
            continue
        if value.startswith("sqlite:"):
            path = re.sub(r"^sqlite(\+\w+)?:///", "", value).split("?")[0]
            if path:
                relative = not path.startswith("/") and app.has("flask-sqlalchemy")
                found.append((inside(path), one.where, relative))
        elif re.search(r"\.(db|sqlite3?)$", value) and inside(value):
            found.append((inside(value), one.where, False))
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and re.search(
                r"^(sqlite3|aiosqlite)\.connect$|SqliteDatabase$", called(module, node)
            ):
                value = app.values.of(module, argument(node, 0, "database"))
                if isinstance(value, str) and inside(value) and not settings.ELSEWHERE.search(module.path):
                    found.append((inside(value), module.where(node), False))
    return [one for one in dict.fromkeys(found) if one[0]]


def _others(app: App) -> None:
    for name, what in OTHERS.items():
        if app.has(name):
            app.notes.append(
                f"{what} ({name} is listed): Slipway installs none; say in `environment` or `secrets` where yours is"
            )
