# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Database URLs as libpq and SQLAlchemy write them, turned into libpq's environment variables.

Sources: PostgreSQL manual 34.1.1 (connection strings), 34.15 (environment variables); SQLAlchemy 2.0,
`sqlalchemy.engine.url._parse_url` and the PostgreSQL dialects' "Specifying multiple fallback hosts".

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._postgres.places import SOCKET_FOLDER
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import (
    UrlError,
    database,
    decode,
    pairs,
    parts,
    place,
)

DIALECTS = {"postgresql", "postgres"}
LIBPQ_DRIVERS = {"", "+psycopg", "+psycopg2", "+psycopg_async", "+psycopg2cffi"}
"""Drivers that hand the URL's parameters to libpq."""

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

ENVIRONMENT = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER",
    "password": "PGPASSWORD", "passfile": "PGPASSFILE", "channel_binding": "PGCHANNELBINDING",
    "client_encoding": "PGCLIENTENCODING",
    "options": "PGOPTIONS", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "sslsni": "PGSSLSNI",
    "sslnegotiation": "PGSSLNEGOTIATION", "sslcertmode": "PGSSLCERTMODE", "requirepeer": "PGREQUIREPEER",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "gssencmode": "PGGSSENCMODE", "krbsrvname": "PGKRBSRVNAME", "gsslib": "PGGSSLIB", "require_auth": "PGREQUIREAUTH",
    "target_session_attrs": "PGTARGETSESSIONATTRS", "load_balance_hosts": "PGLOADBALANCEHOSTS",
}  # fmt: skip
"""libpq's parameters that have an environment variable."""

HARMLESS = {
    "application_name", "fallback_application_name", "connect_timeout", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslpassword", "sslcompression", "gssdelegation",
    "prepare_threshold",
}  # fmt: skip
"""Parameters that drivers take and that don't decide whether a connection succeeds."""


@dataclass(frozen=True)
class DatabaseUrl:
    """A parsed URL. `parameters` has libpq's names (host, port, user, password, dbname, sslmode, …)."""

    scheme: str
    dialect: str
    parameters: dict[str, str] = field(default_factory=dict, repr=False)
    unknown: tuple[str, ...] = ()

    @property
    def is_postgres(self) -> bool:
        return self.dialect in DIALECTS

    @property
    def password(self) -> str:
        return self.parameters.get("password", "")

    @property
    def hosts(self) -> list[str]:
        return self.parameters.get("host", "").split(",")

    @property
    def is_local(self) -> bool:
        """Whether every host is a Unix socket or this machine."""
        return all(host.startswith(("/", "@")) or host in {"", "localhost", "127.0.0.1", "::1"} for host in self.hosts)

    @property
    def where(self) -> str:
        """Host, port and database for a message."""
        ports = self.parameters.get("port", "5432") or "5432"
        host = self.parameters.get("host") or f"socket in {SOCKET_FOLDER}"
        return f"host {host}, port {ports}, database {self.parameters.get('dbname') or '(named like the user)'}"

    def environment(self) -> dict[str, str]:
        """Return libpq's environment variables for this URL."""
        return {ENVIRONMENT[name]: value for name, value in self.parameters.items() if name in ENVIRONMENT and value}


def parse_url(text: object) -> DatabaseUrl:
    """Parse a database URL of any dialect; parameters are read for PostgreSQL only.

    :raises UrlError: when it is no URL or can't mean what was wanted.
    """
    dialect, driver, rest = database(text, "postgresql")
    scheme = dialect + driver
    if dialect not in DIALECTS:
        return DatabaseUrl(scheme, dialect)
    authority, path, query = parts(rest)
    if authority.count("@") > 1 or "@" in query.partition("=")[0]:
        raise UrlError("has several '@': percent-encode those of user name and password (%40)")
    parameters = _authority(authority)
    if path:
        parameters["dbname"] = decode(path)
    unknown = _query(query, driver, parameters)
    if "sslmode" in parameters and parameters["sslmode"] not in SSL_MODES:
        raise UrlError(f"has sslmode={parameters['sslmode']}, which must be one of {', '.join(SSL_MODES)}")
    return DatabaseUrl(scheme, dialect, parameters, tuple(unknown))


def _authority(authority: str) -> dict[str, str]:
    """Read `user:password@host1:port1,host2:port2`."""
    parameters: dict[str, str] = {}
    login, has_login, hosts = authority.rpartition("@")
    if has_login:
        user, has_password, password = login.partition(":")
        if user:
            parameters["user"] = decode(user)
        if has_password:
            parameters["password"] = decode(password)
    if hosts:
        _hosts(hosts.split(","), parameters)
    return parameters


def _hosts(specifications: list[str], parameters: dict[str, str]) -> None:
    """Read `host`, `host:port`, `[::1]:port` (or a percent-encoded socket folder), one or several."""
    names, ports = [], []
    for specification in specifications:
        name, port = place(specification, 5432)
        names.append(name)
        ports.append(port)
    if any(names):
        parameters["host"] = ",".join(names)
    if any(ports):
        parameters["port"] = ",".join(port or "5432" for port in ports)


def _query(query: str, driver: str, parameters: dict[str, str]) -> list[str]:
    """Read `?name=value&…` into PARAMETERS; return the names that libpq doesn't know."""
    unknown, hosts = [], []
    for name, written in pairs(query):
        value = decode(written)
        if name == "host" and driver:
            hosts.append(value)  # SQLAlchemy: ?host=a:5432&host=b:5432 are several hosts
        elif name == "unix_sock":  # pg8000: the path of the socket itself
            parameters["host"] = value.rsplit("/", 1)[0]
            parameters["port"] = value.rsplit(".", 1)[-1] if ".s.PGSQL." in value else "5432"
        elif name == "ssl":  # asyncpg's, and libpq's own for JDBC URLs
            parameters["sslmode"] = "require" if value == "true" else value
        elif name in ENVIRONMENT:
            parameters[name] = value
        elif name not in HARMLESS:
            unknown.append(name)
    if hosts:
        _query_hosts(",".join(hosts).split(","), parameters)
    return unknown


def _query_hosts(hosts: list[str], parameters: dict[str, str]) -> None:
    if any(host.startswith("/") for host in hosts):
        parameters["host"] = ",".join(hosts)
    else:
        _hosts(hosts, parameters)


def add_options(text: str, options: str) -> str:
    """Add command-line OPTIONS for the server (`-c lock_timeout=5s`) to those that a URL has in `options=`."""
    return re.sub(r"([?&]options=[^&]*)", lambda found: found[1] + quote(f" {options}", safe=""), text, count=1)
