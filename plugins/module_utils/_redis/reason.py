# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Why a connection to Redis failed: the error turned into the cause and what to do about it.

The server's words are those of Redis 6 to 8 and Valkey (src/networking.c, acl.c, db.c, server.c).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._redis.client import NoHandshake, NotRedis, ServerError
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import RedisUrl


@dataclass(frozen=True)
class Reason:
    """`kind` for programs, `cause` and `fix` for people."""

    kind: str
    cause: str
    fix: str


SAID: tuple[tuple[str, Reason], ...] = (
    (r"NOAUTH", Reason("password_missing", "the server asks for a password and the URL has none",
                       "put it in the URL: rediss://:password@… or rediss://user:password@…")),
    (r"WRONGPASS|invalid password", Reason(
        "password_wrong", "the server refuses the user or the password",
        "correct them in the URL (special characters percent-encoded: @ is %40, / is %2F); a password without "
        "a user follows a colon, rediss://:password@…")),
    (r"without any password configured", Reason(
        "password_unwanted", "the URL has a password and the server has none",
        "remove it from the URL, or set one on the server: now anybody who can reach it gets in")),
    (r"DB index is out of range|invalid DB index|SELECT is not allowed in cluster", Reason(
        "database_missing", "the server has no database of that number",
        "correct the number after the port in the URL (a server has 16, from 0; some providers and clusters only 0)")),
    (r"NOPERM", Reason("not_allowed", "the server's user may not do that (ACL)",
                       "give the user the commands +ping +info +select and those that the app needs, or name another one")),
    (r"DENIED.*protected mode", Reason(
        "protected", "the server is in protected mode: it has no password, so it takes no other host's connections",
        "set a password (requirepass or an ACL user) and TLS at the server, and put both into the URL")),
    (r"max number of clients", Reason("too_many_connections", "the server has no free connection",
                                      "raise its maxclients, or lower the apps' workers and pool sizes")),
    (r"LOADING", Reason("starting", "the server is reading its data", "wait until it has, then run again")),
    (r"MASTERDOWN|CLUSTERDOWN", Reason("down", "the server is a part of a cluster that is not up",
                                       "repair the cluster, or name its primary server in the URL")),
)  # fmt: skip
NETWORK = {
    errno.ECONNREFUSED: Reason("port_refused", "nothing listens there",
                               "correct host and port in the URL, or start the server and let it listen on that address"),
    errno.EHOSTUNREACH: Reason("unreachable", "no network path leads there from this host",
                               "check the address, the private network or VPN, and whether the host has IPv6"),
    errno.ECONNRESET: Reason("closed", "the other side closed the connection at once",
                             "use rediss:// if the server wants TLS, and allow this host's address at the server or provider"),
}  # fmt: skip
NETWORK[errno.ENETUNREACH] = NETWORK[errno.EHOSTUNREACH]
NETWORK[errno.EPIPE] = NETWORK[errno.ECONNRESET]
SOCKET = {
    errno.ENOENT: Reason("socket_missing", "there is no such socket",
                         "start the server, or correct the path in the URL"),
    errno.EACCES: Reason("socket_refused", "the system user may not open the socket",
                         "add the user to the instance's `users`, or check the permissions of the socket and its folder"),
    errno.ECONNREFUSED: Reason("socket_dead", "nobody answers on the socket", "start the server"),
}  # fmt: skip
TIMEOUT = Reason(
    "timeout",
    "no answer in time",
    "open the port for this host's address in the firewall (provider: allowed addresses), and check host and port",
)
TLS_WANTED = Reason(
    "closed",
    "the other side closed the connection without an answer",
    "use rediss:// if the server wants TLS, and allow this host's address at the server or provider",
)

NO_TLS = Reason(
    "tls_unsupported",
    "the server does not speak TLS on that port",
    "use the port of TLS in the URL; only on a private network take redis:// instead",
)


def explain(error: BaseException, url: RedisUrl) -> Reason:
    """Return why an attempt at URL ended with ERROR."""
    if isinstance(error, ServerError):
        for pattern, reason in SAID:
            if re.search(pattern, str(error), re.IGNORECASE):
                return reason
        return Reason("refused", "the server answers with an error", "see what it said")
    if isinstance(error, NotRedis):
        return Reason("not_redis", "what listens there is not Redis",
                      "correct host and port in the URL (the default port is 6379)")  # fmt: skip
    if isinstance(error, NoHandshake):
        return NO_TLS
    if isinstance(error, ssl.SSLError):
        return tls(error, url)
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return Reason("name_unresolved", f"the host's DNS resolver doesn't answer, so {url.host} can't be looked up",
                          "repair the resolver (/etc/resolv.conf), or give an address in the URL")  # fmt: skip
        return Reason("name_unresolved", f"the host name {url.host} does not resolve on this host",
                      "correct the name in the URL; a provider's internal name resolves only inside its network")  # fmt: skip
    if isinstance(error, EOFError):
        return TLS_WANTED
    if isinstance(error, TimeoutError):
        return TIMEOUT
    number = error.errno if isinstance(error, OSError) else None
    found = (SOCKET if url.path else NETWORK).get(number or 0)
    return found or Reason("unknown", "the connection failed", "see the message")


def tls(error: ssl.SSLError, url: RedisUrl) -> Reason:
    """Return why TLS with the server failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message
        if "mismatch" in said or "not valid for" in said:
            return Reason("certificate_name", f"the server's certificate is not for {url.host}",
                          "use the name that the certificate has in the URL, or give the server a certificate for "
                          "this name")  # fmt: skip
        if "expired" in said:
            return Reason("certificate_expired", "the server's certificate, or its authority's, has expired",
                          "renew it at the server; if it is renewed there, check the host's clock")  # fmt: skip
        return Reason("certificate_untrusted", "the server's certificate is not signed by an authority that is trusted",
                      "give the CA that signed it (`redis_ca`; providers offer it for download)")  # fmt: skip
    if error.reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"):
        return NO_TLS
    return Reason("tls_failed", f"the TLS handshake failed ({error.reason})",
                  "check TLS version and certificates at the server")  # fmt: skip
