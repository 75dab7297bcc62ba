# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections to Redis: what is wrong with them, and what slipway.flask.redis_check takes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._redis import names
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import base

KEYS = base.KEYS | {"purpose"}


def ca_path(name: str) -> str:
    """Return where the CA of the connection NAME lies on the host."""
    return f"{base.CA_FOLDER}/{name}-redis-ca.crt"


def problems(connections: Any) -> list[str]:
    """Return what is wrong with a list of connections, one sentence per fault; never with a URL's contents."""
    return base.problems(connections, _of_entry)


def _of_entry(entry: base.Entry, name: str) -> Iterator[str]:
    if not names.NAME.fullmatch(name):
        yield "the name must begin with a small letter and have only small letters, digits and -, 48 characters at most"
    yield from base.common(entry, KEYS)
    try:
        url = parse_url(entry["url"])
    except UrlError as error:
        yield f"url {error}"
        return
    if base.has_ca(entry) and not url.tls:
        yield f"it has a CA, but its URL begins with {url.scheme}://, so nothing would check it: write rediss://"
    elif base.has_ca(entry) and url.verify == "none":
        yield "it has a CA, but its URL has ssl_cert_reqs=none, so nothing would check it: take that away"


def plan(connections: Iterable[base.Entry]) -> dict[str, Any]:
    """Split CONNECTIONS into what slipway.flask.redis_check takes (`checks`, `urls`) and the CA `files` to write."""
    return base.plan(connections, ca_path, lambda entry: {"purpose": str(entry.get("purpose") or "queue")})
