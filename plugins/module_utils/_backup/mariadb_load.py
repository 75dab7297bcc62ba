# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A dump goes into a database of the host's MariaDB, and what of it can't be moved to another database later is kept as SQL.

A dump is foreign: an app, or somebody's other site, has written it. It is loaded by an account of its own, which has rights on
that one database and nothing else, through a client that takes no commands from it and runs as the app's user. What it names of
other databases, accounts and the server is left out beforehand (_mysql/dump_text.py), or is refused by the server.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.slipway.flask.plugins.module_utils._backup.command import PATH
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.mariadb_tables import (
    drop_loader,
    loader_of,
    shut,
    sql,
)
from ansible_collections.slipway.flask.plugins.module_utils._database import mysql
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql.dump_text import Dump
from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET
from ansible_collections.slipway.flask.plugins.module_utils._mysql.statements import Statement

FLOOR_BYTES = 256 << 20
"""Room that is left on the disk of the databases."""
LOOK_BYTES = 32 << 20
"""After so much of a dump it is looked whether there is, and told how far it is."""
SAID = 2000


@dataclass(frozen=True)
class Login:
    """Who comes over which socket; root and an app's own account have no password."""

    user: str
    password: str = field(default="", repr=False)
    socket: str = SOCKET

    def command(self, database: str) -> list[str]:
        return names.loading(self.user, database, self.socket)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": PATH, "LC_ALL": "C.UTF-8", **({"MYSQL_PWD": self.password} if self.password else {})}


@dataclass
class Loaded:
    """What there is to tell: statements that were LEFT_OUT by what they are, COLLATIONS that took the place of others."""

    left_out: dict[str, int] = field(default_factory=dict)
    collations: dict[str, str] = field(default_factory=dict)


def collations() -> set[str]:
    """Return the collations of utf8mb4 that the server has, by their whole names. Raises BackupError."""
    rows = sql(
        "SELECT * FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE CHARACTER_SET_NAME = 'utf8mb4';"
    )
    return {column for row in rows for column in row if column.startswith("utf8mb4_")}


def folder() -> Path:
    """Return where the server keeps its databases. Raises BackupError."""
    return Path(sql("SELECT @@datadir;")[0][0])


def password() -> str:
    """Return a new password, which has small and large letters, digits and a sign in it."""
    return f"aA1-{secrets.token_hex(24)}"


def admission(login: Login, database: str) -> str:
    """Return the SQL that makes the account of LOGIN, which may do everything in DATABASE, and nothing else."""
    who = names.account(login.user)
    return (
        f"CREATE USER {who} IDENTIFIED BY {names.literal(login.password)}; "
        f"GRANT ALL PRIVILEGES ON {names.all_of(database)} TO {who};"
    )


@contextmanager
def loader(database: str) -> Iterator[Login]:
    """Give an account that has all rights on DATABASE and no others, for as long as the block runs. Raises BackupError."""
    login = Login(loader_of(database), password())
    drop_loader(database)
    sql(admission(login, database))
    try:
        yield login
    finally:
        drop_loader(database)


@contextmanager
def opened_to(database: str, user: str) -> Iterator[None]:
    """Let the app of USER into DATABASE for as long as the block runs. Raises BackupError."""
    sql(f"GRANT ALL PRIVILEGES ON {names.all_of(database)} TO {names.account(user)};")
    try:
        yield
    finally:
        shut(database)


def feed(
    file: IO[bytes], database: str, login: Login, known: Collection[str], user: str, aside: IO[bytes],
    room: Path | None = None, tell: Callable[[int], None] = lambda read: None,
) -> Loaded:  # fmt: skip
    """Load the dump in FILE into DATABASE, with the rights of LOGIN; return what there is to tell.

    :param known: the collations that the server has.
    :param user: the system user that the client runs as; "" is this process's.
    :param aside: is given views, triggers, routines and events, as SQL; they are not made in DATABASE.
    :param room: the folder that must keep some room.
    :param tell: called from time to time with the number of bytes loaded.
    :raises TextError: for a dump that is refused.
    :raises BackupError: when the server refuses, or the disk gets full.
    """
    dump = Dump(file, known)
    with _client(login, database, user) as (process, why):
        pipe, kept = _Writer(cast(IO[bytes], process.stdin)), _Writer(aside)
        told = 0
        try:
            for kind, one in dump.parts():
                if kind != "table":
                    kept.write(one)
                if kind != "object":
                    pipe.write(one)
                if pipe.octets - told > LOOK_BYTES:
                    told = pipe.octets
                    _look(room)
                    tell(told)
            pipe.close()
        except BrokenPipeError:
            pass  # the client has said why
        except BaseException:
            process.kill()
            raise
        if process.wait():
            raise BackupError(f"MariaDB refuses it: {why()}")
    return Loaded(dict(dump.left_out), dump.collations)


def keep(dump: Dump, aside: IO[bytes]) -> None:
    """Write what of a DUMP is neither table nor row to ASIDE. Raises TextError."""
    writer = _Writer(aside)
    for kind, one in dump.parts():
        if kind != "table":
            writer.write(one)


@contextmanager
def output(command: Sequence[str], user: str, what: str) -> Iterator[IO[bytes]]:
    """Give what COMMAND of the system USER dumps. Raises BackupError, which says that WHAT failed."""
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd="/",
            env={"PATH": PATH, "LC_ALL": "C.UTF-8"}, **_as(user),
        ) as process:  # fmt: skip
            yield cast(IO[bytes], process.stdout)
        errors.seek(0)
        said = errors.read(mysql.MOST_SAID)
        if not mysql.is_whole(process.returncode, said):
            raise BackupError(f"{what} failed: {said.decode(errors='replace').strip()[-500:]}")


class _Writer:
    """Writes statements to a client, with their delimiters."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.delimiter, self.octets = file, b";", 0

    def write(self, one: Statement) -> None:
        if one.delimiter != self.delimiter:
            self.delimiter = one.delimiter
            self.file.write(b"DELIMITER " + one.delimiter + b"\n")
        # Of a comment that ends a statement the delimiter would be a part.
        self.file.write(one.text + b"\n" + one.delimiter + b"\n")
        self.octets += len(one.text)

    def close(self) -> None:
        self.file.close()


def _look(room: Path | None) -> None:
    if room and shutil.disk_usage(room).free < FLOOR_BYTES:
        raise BackupError(f"less than {FLOOR_BYTES >> 20} MB are left in {room}: there is not enough disk space")


@contextmanager
def _client(login: Login, database: str, user: str) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """Give the client that loads, and what says why it failed. What it says goes into a file: it may be more than a pipe holds."""
    with tempfile.TemporaryFile() as errors:

        def why() -> str:
            errors.seek(max(0, errors.seek(0, 2) - SAID))
            return _plain(errors.read())

        try:
            process = subprocess.Popen(
                login.command(database), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, cwd="/",
                env=login.environment, bufsize=1 << 20, **_as(user),
            )  # fmt: skip
        except FileNotFoundError:
            raise BackupError("mariadb is not installed on this host: run site.yml") from None
        try:
            yield process, why
        finally:
            if process.poll() is None:
                process.kill()
            with suppress(BrokenPipeError):
                cast(IO[bytes], process.stdin).close()
            process.wait()


def _as(user: str) -> Mapping[str, Any]:
    try:
        return names.as_user(user) if user else {}
    except names.MysqlError as error:
        raise BackupError(str(error)) from None


def _plain(said: bytes) -> str:
    """Return what the client said, without the statement that it shows and the line, which is not the dump's."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.startswith("ERROR")]
    return names.without_line((lines or [said.decode(errors="replace").strip()])[-1])
