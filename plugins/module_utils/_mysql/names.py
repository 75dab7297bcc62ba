# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""MariaDB on Debian and Ubuntu: quoting, names, and its client as root or as another system user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import listed, run_as
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,63}")
"""64 characters are the longest name of a database (MariaDB's documentation, "Identifier Names"); capitals would be another
database on Linux and the same one elsewhere."""

APP_SECONDS = 60

RESERVED_DATABASES = {"mysql", "information_schema", "performance_schema", "sys", "test"}
RESERVED_OWNERS = {"root", "mysql", "mariadb.sys", "debian-sys-maint", "public"}


class MysqlError(RuntimeError):
    """Something that the person must know; the text is ready to be shown."""


def identifier(name: str) -> str:
    """Quote NAME as an SQL identifier.

    :raises ValueError: for an empty name or one with a NUL character.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} can't be an SQL identifier")
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Quote TEXT as an SQL string, for a session without NO_BACKSLASH_ESCAPES.

    :raises ValueError: for text with a NUL character.
    """
    if "\0" in text:
        raise ValueError("an SQL string can't hold a NUL character")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def pattern(name: str) -> str:
    """Return the database NAME as GRANT and the table mysql.db have it, where `_` and `%` stand for anything."""
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def all_of(database: str) -> str:
    """Return what GRANT and REVOKE call all that is in DATABASE, and in no other."""
    return f"{identifier(pattern(database))}.*"


def account(name: str) -> str:
    """Return the account of the system user NAME on this host."""
    return f"{literal(name)}@'localhost'"


def name_problem(name: Any, reserved: Iterable[str]) -> str:
    """Say why NAME can't be a database or an owner here; '' when it can."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return "must begin with a small letter or _ and have only small letters, digits, _ and -, 64 characters at most"
    return "is a name that MariaDB keeps for itself" if name in reserved else ""


def database_problems(databases: Any) -> list[str]:
    """Return what is wrong with a list of databases (`name`, `owner`), one sentence per fault."""
    return listed.problems(databases, "database", ["name"], _of_entry)


def _of_entry(entry: Mapping[str, Any], name: str) -> Iterator[str]:
    yield from listed.unknown(entry, {"name", "owner"})
    if reason := name_problem(entry["name"], RESERVED_DATABASES):
        yield f"the name {reason}"
    owner = entry.get("owner") or entry["name"]
    if reason := name_problem(owner, RESERVED_OWNERS):
        yield f"the owner '{owner}' {reason}"


def find_client() -> str:
    """Return the client program, '' when there is none; `mysql` is Oracle's, or MariaDB's before 10.5."""
    return shutil.which("mariadb", path="/usr/bin:/bin") or shutil.which("mysql", path="/usr/bin:/bin") or ""


def as_user(name: str) -> dict[str, Any]:
    """Return subprocess arguments that make a command run as the system user NAME with that user's groups.

    :raises MysqlError: when the user doesn't exist.
    """
    try:
        return run_as.as_user(name)
    except run_as.NoUserError as error:
        raise MysqlError(str(error)) from None


def run(
    command: Sequence[str], stdin: str = "", user: str = "", seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """Run COMMAND (in C locale, in /) and return its standard output as it is.

    :raises MysqlError: when it fails, with its error output.
    """
    try:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            list(command), input=stdin.encode(), capture_output=True, check=False, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", **(environment or {})},
            timeout=seconds, **(as_user(user) if user else {}),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MysqlError(f"{Path(command[0]).name} didn't end within {seconds:.0f} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")[-2000:]
        raise MysqlError(f"{Path(command[0]).name} failed with exit code {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def sql(
    statements: str, database: str = "", user: str = "", socket: str = SOCKET, seconds: float | None = None
) -> list[list[str]]:
    """Run STATEMENTS over the server's socket; return rows of columns. Stops at the first error.

    :param user: a system user and an account, for what reads tables of an app's, and has a minute; "" is root.
    :raises MysqlError: with the client's own message.
    """
    command = [
        find_client() or "mariadb",
        "--no-defaults",
        "--batch",
        "--skip-column-names",
        f"--user={user or 'root'}",
    ]
    # Nothing in a name is a command of the client's, such as \\! for a shell.
    command += ["--binary-mode", "--local-infile=0", "--default-character-set=utf8mb4", f"--socket={socket}"]
    said = run([*command, *([database] if database else [])], statements, user, APP_SECONDS if user else seconds)
    return rows(said)


def rows(said: str) -> list[list[str]]:
    """Return the rows of columns that the client SAID in its batch format.

    It escapes tabs and line feeds alone; what else ends a line for Python may stand in a name.
    """
    return [
        [unescaped(column) for column in line.split("\t")]
        for line in (said.removesuffix("\n").split("\n") if said else [])
    ]


def loading(user: str, database: str, socket: str = SOCKET) -> list[str]:
    r"""Return the client's call that runs SQL from elsewhere: it takes no commands from it (`\!`, `source`) and sends no files."""
    return [
        find_client() or "mariadb", "--no-defaults", "--binary-mode", "--local-infile=0", "--max-allowed-packet=1G",
        "--default-character-set=utf8mb4", f"--user={user}", f"--socket={socket}", database,
    ]  # fmt: skip


def without_line(said: str) -> str:
    """Return an error of the client's without the line, which is not that of the file that somebody has."""
    head, found, rest = said.partition(" at line ")
    return (head + (": " + rest.partition(": ")[2] if found else ""))[-600:]


def unescaped(text: str) -> str:
    r"""Undo what the client's batch format does to a column: \\, \n, \t."""
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\\t", "\t").replace("\0", "\\")
