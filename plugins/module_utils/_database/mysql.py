# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MySQL and MariaDB: migrations one at a time and with timeouts, dumped by mariadb-dump; nothing judges them beforehand.

Each session of an app that must not write begins with SET SESSION TRANSACTION READ ONLY, which refuses DDL as well. A URL
that has an `init_command` of its own keeps it.

One migration at a time holds GET_LOCK on a connection that is in no transaction: a transaction would keep a metadata lock on
each table that it has read, for which the one that migrates would wait in turn. Timeouts are an `init_command` of the URL, for
there is no variable of the environment that every driver reads. Weighed: options of the server or of the account, which would
hold for the site's sessions too.

Neither server undoes DDL: each ALTER TABLE is committed by itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._database import base
from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import (
    MysqlUrl,
    add_statement,
    client_options,
    parse_url,
)
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, redact

SCRIPT = r"""
import re, sys, time


class Mysql(Dialect):
    writes_sql = True  # for the plan, and for who has to choose a rollback

    # Locks belong to the whole server, and their names have 64 characters at most.
    number = "CONCAT('slipway.', MD5(DATABASE()))"

    def connecting(self, driver, dialect, parameters):
        parameters.setdefault("init_command", "SET SESSION TRANSACTION READ ONLY")

    def lock(self, engine):
        from sqlalchemy import text

        said = False
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SET SESSION wait_timeout = 31536000"))
        while not connection.execute(text(f"SELECT GET_LOCK({self.number}, 0)")).scalar():
            if not said:
                print("another migration of this database is under way: waiting for its end", file=sys.stderr, flush=True)
            said = True
            time.sleep(0.5)
        return connection

    def aside(self, connection):
        return Nothing()

    def server(self, connection):
        from sqlalchemy import text

        version = str(connection.execute(text("SELECT VERSION()")).scalar())
        size = connection.execute(text(
            "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"
            " WHERE table_schema = DATABASE()")).scalar()
        limit = connection.execute(text("SELECT @@GLOBAL.max_connections")).scalar()
        used = connection.execute(text("SHOW GLOBAL STATUS LIKE 'Threads_connected'")).fetchone()[1]
        numbers = [int(part) for part in re.findall(r"\d+", version)[:3]]
        return {"version": sum(part * 100 ** place for place, part in enumerate(reversed(numbers))), "bytes": int(size),
                "max": int(limit), "reserved": 0, "used": int(used)}


class Nothing:
    def rollback(self):
        pass


DIALECTS["mysql"] = DIALECTS["mariadb"] = Mysql()
"""


VIEW_INVALID = re.compile(rb"\(1356\)\s*\Z|^[^'\"`]*\berror:? 1356\b", re.IGNORECASE)
"""ER_VIEW_INVALID where an error's number stands, and not in a name."""
MOST_SAID = 1 << 20
"""Octets of errors up to which they are judged."""


class Dump(base.Dump):
    """mariadb-dump's SQL of the database that URL leads to, which empties and fills that database as a whole."""

    def __init__(self, url: MysqlUrl) -> None:
        self.url = url

    def problem(self, server: Mapping[str, int]) -> str:
        return "" if program() else "mariadb-dump is not installed: install mariadb-client"

    def command(self, file: Path) -> list[str]:
        return [*dumping(self.url), f"--result-file={file}"]

    def environment(self) -> dict[str, str]:
        return {"MYSQL_PWD": self.url.password} if self.url.password else {}

    def restore(self, file: Path, user: str) -> str:
        command = shlex.join(["mariadb", "--no-defaults", *client_options(self.url), self.url.database])
        if self.url.password:
            return f"{command} -p < {file} (it asks for the password)"
        return f"runuser -u {user} -- {command} < {file}"


class Mysql(base.Dialect):
    name, title, script = "mysql", "MySQL", SCRIPT
    undoes_ddl = False

    def secret(self, url: str) -> Callable[[str], str]:
        found = parsed(url)
        return lambda text: redact(text, found.password if found else "")

    def limited(self, url: str, timeouts: Mapping[str, int]) -> str:
        statement = settings(timeouts)
        return add_statement(url, statement) if statement and parsed(url) else url

    def dump(self, url: str) -> Dump | None:
        found = parsed(url)
        return Dump(found) if found and found.database else None


def dumping(url: MysqlUrl, anywhere: bool = False) -> list[str]:
    """Return the command that prints the database of URL as SQL, which drops that database and makes it again.

    `--single-transaction`: one moment of all InnoDB tables, and nobody waits.

    :param anywhere: the SQL is for whichever database it is loaded into, and drops none.
    """
    into = [url.database] if anywhere else ["--add-drop-database", "--databases", url.database]
    return [
        program() or "mariadb-dump", "--no-defaults", *client_options(url), "--single-transaction", "--quick", "--routines",
        "--triggers", "--events", "--force", "--hex-blob", "--no-tablespaces", "--default-character-set=utf8mb4", *into,
    ]  # fmt: skip


def is_whole(status: int, said: bytes) -> bool:
    """Tell by its exit STATUS, and all that it SAID, whether a dump lacks nothing: a view whose tables are gone is in it as it is.

    For that it goes on after an error (`--force`). A signal (below 0) ends it without a word.
    """
    if status <= 0 or len(said) >= MOST_SAID:
        return status == 0
    lines = [line for line in said.splitlines() if b"error" in line.lower() or b"Couldn't" in line]
    return bool(lines) and all(VIEW_INVALID.search(line) for line in lines)


def settings(timeouts: Mapping[str, int]) -> str:
    """Return the statement that gives a session its timeouts in seconds, "" for none.

    Metadata locks (a day by default) and InnoDB's rows have limits of their own. Statements have one in MariaDB alone, which
    alone reads such a comment: MySQL's max_execution_time is for SELECT.
    """
    lock, statement = timeouts.get("lock", 0), timeouts.get("statement", 0)
    found = [f"{name}={lock}" for name in ("lock_wait_timeout", "innodb_lock_wait_timeout") if lock]
    more = f"max_statement_time={statement}" if statement else ""
    if found:
        return f"SET SESSION {','.join(found)}" + (f" /*M! ,{more} */" if more else "")
    return f"SET @slipway=1 /*M! ,SESSION {more} */" if more else ""


def parsed(url: str) -> MysqlUrl | None:
    """Return what a URL of MySQL says, None when it can't be read."""
    try:
        found = parse_url(url)
    except UrlError:
        return None
    return found if found.is_mysql else None


def program() -> str:
    """Return the program that dumps, "" when there is none."""
    return shutil.which("mariadb-dump") or shutil.which("mysqldump") or ""
