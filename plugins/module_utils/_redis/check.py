# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connection checks: trying one from the host as the app's user.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import pwd
import ssl
from collections.abc import Callable, Mapping

from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._redis.client import (
    Client,
    NoHandshake,
    NotRedis,
    ServerError,
)
from ansible_collections.slipway.flask.plugins.module_utils._redis.reason import explain
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import RedisUrl
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import redact

FACTS = ("redis_version", "role", "used_memory", "maxmemory", "maxmemory_policy", "connected_clients", "aof_enabled",
         "aof_last_write_status", "loading")  # fmt: skip


def attempt(url: RedisUrl, user: str, seconds: float, ca: str = "") -> Attempt:
    """Connect as the system user USER ("" is who runs this), log in, and ask the server about itself."""
    return as_user(user, lambda: try_once(url, seconds, ca))


def try_once(url: RedisUrl, seconds: float, ca: str = "") -> Attempt:
    """Connect as the user that runs this."""
    try:
        client, found = connected(url, seconds, ca)
        if url.password:
            client.ask("AUTH", *([url.user] if url.user else []), url.password)
        client.ask("PING")
        if url.database:
            client.ask("SELECT", str(url.database))
        try:
            said = client.ask("INFO")
        except ServerError as error:  # a provider may not let it; the app can do without
            said = "" if "NOPERM" in str(error) or "unknown command" in str(error) else client.ask("INFO")
        client.close()
    except (OSError, EOFError, ServerError, NotRedis, NoHandshake) as error:
        reason = explain(error, url)
        own = redact(str(error) or type(error).__name__, url.password)[:300]
        return Attempt({}, reason.kind, f"{reason.cause} ({url.where}). To fix: {reason.fix}. It said: {own}")
    pairs = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    return Attempt(found | {name: pairs[name] for name in FACTS if name in pairs})


def connected(url: RedisUrl, seconds: float, ca: str) -> tuple[Client, dict[str, str]]:
    """Return a connection, and as `strict` what a newer Python than the one that connects now says of its certificate."""
    try:
        return Client(url, seconds, ca, strict=True), {}
    except ssl.SSLCertVerificationError as error:
        return Client(url, seconds, ca), {"strict": error.verify_message}


def as_user(user: str, what: Callable[[], Attempt]) -> Attempt:
    """Do WHAT in a process of the system user USER, who has no other groups than its own."""
    if not user:
        return what()
    account = pwd.getpwnam(user)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover (another process)
        try:
            os.initgroups(user, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            found = what()
            os.write(writing, json.dumps([found.facts, found.kind, found.message]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return Attempt(*json.loads(said)) if said else Attempt({}, "unknown", "the check ended without an answer")


def notes(url: RedisUrl, facts: Mapping[str, str], purpose: str) -> list[str]:
    """Return what works now and will still surprise."""
    found = []
    if not url.is_local and not url.tls:
        found.append("the connection is not encrypted: use rediss:// with the server's CA")
    elif not url.is_local and url.verify != "required":
        found.append(f"the server's identity is not checked (ssl_cert_reqs={url.verify}): take that out of the URL")
    if not url.is_local and not url.password:
        found.append("the server requires no password: anybody who can reach it can read and change everything")
    if facts.get("strict"):
        found.append(
            f"Python 3.13 and newer refuse the server's certificate ({facts['strict']}): give the server one that complies "
            "with RFC 5280, or run the app with an older Python"
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if purpose == "queue" and policy != "noeviction" and facts.get("maxmemory", "0") != "0":
        found.append(f"the server evicts entries when its memory is full ({policy}), jobs among them: set noeviction")
    if facts.get("role") == "slave":
        found.append("the server is a read-only replica: writes will fail")
    if facts.get("aof_last_write_status", "ok") != "ok":
        found.append("the server can't write its append-only file and refuses changes: check its disk")
    return found
