# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections a database's server has in use, and how many it allows.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._mysql import check as mysql_check
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql_names
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url as mysql_url
from ansible_collections.slipway.flask.plugins.module_utils._postgres import check, names
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError

CONNECT_SECONDS = 3
"""How long the server may take to answer: a person waits for it."""


def postgresql(url: str, user: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"used": None, "allowed": None}
    try:
        parsed, psql = parse_url(url), names.find_psql()
        if not psql:
            return {**nothing, "said": "no psql"}
        tried = check.attempt(psql, parsed, user, CONNECT_SECONDS)
    except (UrlError, names.PostgresError, OSError):
        return {**nothing, "said": "unknown"}
    if tried.kind:
        return {**nothing, "said": tried.kind.replace("_", " ")}
    facts = tried.facts
    reserved = facts["superuser_reserved_connections"] + facts["reserved_connections"]
    # The connection that asked is over by now.
    return {"used": facts["connections_used"] - 1, "allowed": facts["max_connections"] - reserved, "said": ""}


def mysql(url: str, user: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"used": None, "allowed": None}
    try:
        parsed, client = mysql_url.parse_url(url), mysql_names.find_client()
        if not client:
            return {**nothing, "said": "no mariadb client"}
        tried = mysql_check.attempt(client, parsed, user, CONNECT_SECONDS)
    except (UrlError, mysql_names.MysqlError, OSError):
        return {**nothing, "said": "unknown"}
    if tried.kind:
        return {**nothing, "said": tried.kind.replace("_", " ")}
    facts = tried.facts
    # The connection that asked is over by now.
    return {"used": facts["connections_used"] - 1, "allowed": facts["max_connections"], "said": ""}


ASKED = {"postgresql": postgresql, "mysql": mysql}


def connections(url: str, user: str) -> dict[str, Any]:
    """Return the connections of URL's server that are `used` and those `allowed` to apps; None with a reason (`said`).

    USER is the app's, as whom the question is put.
    """
    if not url:
        return {"used": None, "allowed": None, "said": "no database"}
    name = known.of(url).name
    if name in ASKED:
        return ASKED[name](url, user)
    return {"used": None, "allowed": None, "said": name or "unknown"}
