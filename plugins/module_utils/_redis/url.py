# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""URLs of Redis as redis-py, kombu and limits write them.

Sources: redis-py, `redis.connection.parse_url`; kombu, `kombu.transport.redis` and `kombu.connection` (redis+socket://);
limits, `limits.storage.RedisStorage` (redis+unix://).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError, decode, one_line, place

SOCKET_SCHEMES = ("unix", "redis+socket", "redis+unix")
TLS_SCHEMES = ("rediss",)
SCHEMES = ("redis", *TLS_SCHEMES, *SOCKET_SCHEMES)
PORT = 6379
VERIFY = {"none": "none", "cert_none": "none", "optional": "optional", "cert_optional": "optional"}
"""Values of `ssl_cert_reqs` that check less than everything, in redis-py's and in Celery's words."""


@dataclass(frozen=True)
class RedisUrl:
    """A parsed URL: a host and port, or the path of a socket. VERIFY is `required`, `optional` or `none` with TLS."""

    scheme: str
    host: str = ""
    port: int = PORT
    path: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    ca: str = ""
    verify: str = "required"

    @property
    def tls(self) -> bool:
        return self.scheme in TLS_SCHEMES

    @property
    def is_local(self) -> bool:
        return bool(self.path) or self.host in {"localhost", "127.0.0.1", "::1"}

    @property
    def where(self) -> str:
        """Host and port, or the socket, and the database, for a message."""
        place = f"socket {self.path}" if self.path else f"host {self.host}, port {self.port}"
        return f"{place}, database {self.database}"


def parse_url(text: object) -> RedisUrl:
    """Parse a URL of Redis.

    :raises UrlError: when it is none or can't mean what was wanted.
    """
    line = one_line(text, "a URL such as rediss://user:password@host:6379/0")
    scheme, found, rest = line.partition("://")
    if not found or scheme.lower() not in SCHEMES:
        shown = scheme if found and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", scheme) else ""
        said = f"begins with {shown}://, but " if shown else ""
        raise UrlError(f"{said}must begin with {', '.join(f'{one}://' for one in SCHEMES)}")
    rest, _, query = rest.partition("?")
    options = _query(query)
    authority, slash, path = rest.partition("/")
    if "#" in line or "@" in path:
        raise UrlError("has a '#', '?' or '/' before its last '@': percent-encode it in the password (%23, %3F, %2F)")
    login, _, there = authority.rpartition("@")
    user, _, password = login.partition(":")
    whole = RedisUrl(
        scheme.lower(),
        user=decode(user) or options.get("username", ""),
        password=decode(password) or options.get("password", ""),
        ca=options.get("ssl_ca_certs", ""),
        verify=VERIFY.get(options.get("ssl_cert_reqs", "").lower(), "required"),
    )
    if whole.scheme in SOCKET_SCHEMES:
        number = _database(options.get("db", options.get("virtual_host", "")))
        if there or not path:
            raise UrlError(
                f"must have the path of a socket after {scheme}://, such as {scheme}:///run/redis/redis.sock"
            )
        return replace(whole, path=slash + decode(path), database=number)
    host, port = place(there, PORT)
    return replace(
        whole,
        host=host or "localhost",
        port=int(port or PORT),
        database=_database(path.strip("/") or options.get("db", "")),
    )


def _database(text: str) -> int:
    text = text.strip("/")
    if not re.fullmatch(r"\d{0,4}", text):
        raise UrlError("has a database that is not a number: write host:6379/0, the first of those that Redis has")
    return int(text or 0)


def _query(query: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return {decode(name): decode(value) for name, _, value in pairs}


def with_options(text: str, ca: str = "") -> str:
    """Return a URL with what its libraries need for TLS: how the server is checked, and by which authority (CA, a path).

    Celery takes no rediss:// without `ssl_cert_reqs`; redis-py's default is the same. Other URLs stay as they are.
    """
    if parse_url(text).scheme not in TLS_SCHEMES:
        return text
    given = _query(text.partition("?")[2])
    wanted = {"ssl_cert_reqs": "required", "ssl_ca_certs": ca}
    added = [f"{name}={quote(value, safe='/')}" for name, value in wanted.items() if value and name not in given]
    return text + (("&" if "?" in text else "?") + "&".join(added) if added else "")
