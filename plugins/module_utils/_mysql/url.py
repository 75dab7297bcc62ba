# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Database URLs of MySQL and MariaDB as SQLAlchemy writes them.

Sources: SQLAlchemy 2.0, `sqlalchemy.engine.url._parse_url` and `sqlalchemy.dialects.mysql.mysqldb` (ssl_*).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, decode, place

SCHEME = re.compile(r"([a-z][a-z0-9]*)(\+[a-z0-9_]+)?://", re.IGNORECASE)
DIALECTS = {"mysql", "mariadb"}
PORT = 3306
LOCAL = {"", "localhost", "127.0.0.1", "::1"}
TLS_NAMES = ("ssl_ca", "ssl_mode", "ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname", "ssl_cert", "ssl_key",
             "ssl_capath", "ssl")  # fmt: skip


@dataclass(frozen=True)
class MysqlUrl:
    """A parsed URL. `parameters` are those behind the question mark."""

    scheme: str
    dialect: str
    host: str = ""
    port: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    parameters: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_mysql(self) -> bool:
        return self.dialect in DIALECTS

    @property
    def driver(self) -> str:
        """The driver that the scheme names, "" for none."""
        return self.scheme.partition("+")[2]

    @property
    def socket(self) -> str:
        """The server's socket, "" for a connection over the network."""
        return self.parameters.get("unix_socket", "")

    @property
    def is_local(self) -> bool:
        return bool(self.socket) or self.host in LOCAL

    @property
    def tls(self) -> bool:
        """Whether the URL asks for TLS."""
        return any(name in self.parameters for name in TLS_NAMES)

    @property
    def where(self) -> str:
        """Where it leads, for a message."""
        server = f"socket {self.socket}" if self.socket else f"host {self.host}, port {self.port or PORT}"
        return f"{server}, database {self.database or '(none)'}, user {self.user or '(none)'}"


def parse_url(text: object) -> MysqlUrl:
    """Parse a database URL of any dialect; more than the scheme is read for MySQL and MariaDB only.

    :raises UrlError: when it is no URL or can't mean what was wanted.
    """
    if not isinstance(text, str) or not text.strip():
        raise UrlError("must be a database URL such as mysql://user:password@host/database")
    if re.search(r"[\s\0]", text):
        raise UrlError("has a space or line break: percent-encode it (%20), or take it away")
    found = SCHEME.match(text)
    if not found:
        raise UrlError("is not a database URL: it must begin with a scheme, e.g. mysql://user:password@host/name")
    dialect, driver = found.group(1).lower(), (found.group(2) or "").lower()
    if dialect not in DIALECTS:
        return MysqlUrl(dialect + driver, dialect)
    rest, _, query = text[found.end() :].partition("?")
    authority, _, path = rest.partition("/")
    if "#" in rest or "@" in path:
        raise UrlError("has a '#', '?' or '/' before its last '@': percent-encode it in the password (%23, %3F, %2F)")
    if authority.count("@") > 1:
        raise UrlError("has several '@': percent-encode those of user name and password (%40)")
    login, _, server = authority.rpartition("@")
    user, _, password = login.partition(":")
    host, port = place(server, PORT)
    parameters = {}
    for pair in filter(None, query.split("&")):
        name, has_value, value = pair.partition("=")
        if not has_value:
            raise UrlError(f"has the parameter '{name}' without a value")
        parameters[decode(name)] = decode(value.replace("+", " "))
    return MysqlUrl(dialect + driver, dialect, host, port, decode(user), decode(password), decode(path), parameters)


def socket_url(scheme: str, name: str, owner: str) -> str:
    """Return the URL of the local database NAME for its OWNER, who comes over the socket without a password."""
    return f"{scheme}://{quote(owner, safe='')}@localhost/{quote(name, safe='')}?unix_socket={SOCKET}&charset=utf8mb4"


def with_ca(text: str, ca: str) -> str:
    """Return a URL that makes PyMySQL check the server's certificate and name against the file CA.

    What the URL itself says of TLS stays.
    """
    if any(f"{name}=" in text.partition("?")[2] for name in TLS_NAMES):
        return text
    return f"{text}{'&' if '?' in text else '?'}ssl_ca={quote(ca, safe='/')}"


def add_statement(text: str, statement: str) -> str:
    """Return a URL whose connections begin with an SQL STATEMENT, which is written without a percent sign.

    Alembic's configuration, into which many an env.py puts the URL, takes that sign for the beginning of something else.
    """
    if "init_command=" in text.partition("?")[2]:
        return text
    return f"{text}{'&' if '?' in text else '?'}init_command={statement.replace(' ', '+')}"
