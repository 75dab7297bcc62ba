# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Database URLs of MySQL and MariaDB as SQLAlchemy writes them.

Sources: SQLAlchemy 2.0, `sqlalchemy.engine.url._parse_url` and `sqlalchemy.dialects.mysql.mysqldb` (ssl_*).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._mysql.places import SOCKET
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import (
    UrlError,
    database,
    decode,
    pairs,
    parts,
    place,
)

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
    dialect, driver, rest = database(text, "mysql")
    if dialect not in DIALECTS:
        return MysqlUrl(dialect + driver, dialect)
    authority, path, query = parts(rest)
    if authority.count("@") > 1:
        raise UrlError("has several '@': percent-encode those of user name and password (%40)")
    login, _, server = authority.rpartition("@")
    user, _, password = login.partition(":")
    host, port = place(server, PORT)
    parameters = {name: decode(value.replace("+", " ")) for name, value in pairs(query)}
    return MysqlUrl(dialect + driver, dialect, host, port, decode(user), decode(password), decode(path), parameters)


def socket_url(scheme: str, name: str, owner: str) -> str:
    """Return the URL of the local database NAME for its OWNER, who comes over the socket without a password."""
    return f"{scheme}://{quote(owner, safe='')}@localhost/{quote(name, safe='')}?unix_socket={SOCKET}&charset=utf8mb4"


def client_options(url: MysqlUrl, ca: str = "") -> list[str]:
    """Return the options of MariaDB's programs that lead to URL's server as the app's driver does; its password is not among them.

    Encrypted without an authority, the server's certificate is not looked at, which the connection's check says. The client of
    11.4 and newer would refuse it then, and a dump fail where the app connects.

    :param ca: file that is used where the URL has no `ssl_ca`.
    """
    user = [f"--user={url.user}"] if url.user else []
    if url.socket or not url.host:
        return [*user, f"--socket={url.socket or SOCKET}"]
    found = [*user, f"--host={url.host}", f"--port={url.port or PORT}", "--protocol=tcp"]
    if authority := url.parameters.get("ssl_ca") or ca:
        return [*found, "--ssl", f"--ssl-ca={authority}", "--ssl-verify-server-cert"]
    if not url.tls:
        return [*found, "--skip-ssl"]
    return [*found, "--ssl", "--skip-ssl-verify-server-cert"]


def command(client: str, url: MysqlUrl, timeout: int, ca: str = "") -> list[str]:
    """Return the client's command line, which connects as the app's driver would; the password is not in it.

    :param ca: file that is used where the URL has no `ssl_ca`.
    """
    found = [client, "--no-defaults", "--batch", "--skip-column-names", f"--connect-timeout={max(1, timeout)}"]
    found.append("--local-infile=0")  # a server may ask for any file of the client's
    found += client_options(url, ca)
    return [*found, *([url.database] if url.database else [])]


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
