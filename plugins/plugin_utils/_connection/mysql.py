# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections to MySQL and MariaDB: what is wrong with them, and what slipway.flask.mysql_check takes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._mysql.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import base


def ca_path(name: str) -> str:
    """Return where the CA of the connection NAME lies on the host."""
    return f"{base.CA_FOLDER}/{name}-mysql-ca.crt"


def problems(connections: Any) -> list[str]:
    """Return what is wrong with a list of connections, one sentence per fault; never with a URL's contents."""
    return base.problems(connections, _of_entry)


def _of_entry(entry: base.Entry, name: str) -> Iterator[str]:
    yield from base.named(name)
    yield from base.common(entry)
    try:
        url = parse_url(entry["url"])
    except UrlError as error:
        yield f"url {error}"
        return
    if not url.is_mysql:
        yield f"url begins with {url.scheme}://, which is neither MySQL nor MariaDB: write mysql://"
    elif not url.database:
        yield "url names no database: write it after the host, mysql://user:password@host/database"
    elif base.has_ca(entry) and url.socket:
        yield "it has a CA, but its URL leads to a socket, which no network leads to: take the CA away"
    elif base.has_ca(entry) and url.parameters.get("ssl_ca", ca_path(name)) != ca_path(name):
        yield f"its CA is written to {ca_path(name)}, but the url says ssl_ca={url.parameters['ssl_ca']}: make them the same"


def plan(connections: Iterable[base.Entry]) -> dict[str, Any]:
    """Split CONNECTIONS into what slipway.flask.mysql_check takes (`checks`, `urls`) and the CA `files` to write."""
    return base.plan(connections, ca_path)
