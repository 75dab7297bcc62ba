# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections to databases: what is wrong with them, and what is made of them and of their URLs.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import base


def ca_path(name: str) -> str:
    """Return where the CA of the connection NAME lies on the host."""
    return f"{base.CA_FOLDER}/{name}-ca.crt"


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
    if not base.has_ca(entry) or not url.is_postgres:
        return
    mode = url.parameters.get("sslmode", "not set")
    if mode not in {"verify-ca", "verify-full"}:
        yield f"it has a CA, but sslmode is {mode}, so nothing would check it: add sslmode=verify-full to the url"
    named = url.parameters.get("sslrootcert")
    if named and named != ca_path(name):
        yield f"its CA is written to {ca_path(name)}, but the url says sslrootcert={named}: make them the same"


def plan(connections: Iterable[base.Entry]) -> dict[str, Any]:
    """Split CONNECTIONS into what slipway.flask.postgres_check takes (`checks`, `urls`) and the CA `files` to write."""
    return base.plan(connections, ca_path)


def rewrite_url(text: str, scheme: str = "", parameters: Mapping[str, str] | None = None) -> str:
    """Give a PostgreSQL URL another SCHEME (`postgresql+psycopg`) and the PARAMETERS that it doesn't have yet.

    A URL of another dialect is returned as it is.

    :raises UrlError: when TEXT can't be parsed.
    """
    url = parse_url(text)
    if not url.is_postgres:
        return text
    wanted = {name: value for name, value in (parameters or {}).items() if value and name not in url.parameters}
    rest = text.partition("://")[2]
    if wanted:
        joint = "&" if "?" in rest else "?"
        rest += joint + "&".join(f"{name}={quote(str(value), safe='/')}" for name, value in wanted.items())
    return f"{scheme or url.scheme}://{rest}"
