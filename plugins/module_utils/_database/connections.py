# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many connections a database's server has in use, and how many it allows.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._database import known
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._mysql import check as mysql_check
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql_names
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url as mysql_url
from ansible_collections.slipway.flask.plugins.module_utils._postgres import check, names
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError

CONNECT_SECONDS = 3
"""How long the server may take to answer: a person waits for it."""


KEPT = ("superuser_reserved_connections", "reserved_connections")
"""What PostgreSQL keeps from the apps."""


def postgresql(url: str, user: str) -> Attempt:
    parsed, psql = parse_url(url), names.find_psql()
    return check.attempt(psql, parsed, user, CONNECT_SECONDS) if psql else Attempt({}, "no_psql")


def mysql(url: str, user: str) -> Attempt:
    parsed, client = mysql_url.parse_url(url), mysql_names.find_client()
    return mysql_check.attempt(client, parsed, user, CONNECT_SECONDS) if client else Attempt({}, "no_mariadb_client")


ASKED = {"postgresql": postgresql, "mysql": mysql}


def connections(url: str, user: str) -> dict[str, Any]:
    """Return the connections of URL's server that are `used` and those `allowed` to apps; None with a reason (`said`).

    USER is the app's, as whom the question is put.
    """
    nothing: dict[str, Any] = {"used": None, "allowed": None}
    if not url:
        return {**nothing, "said": "no database"}
    name = known.of(url).name
    if name not in ASKED:
        return {**nothing, "said": name or "unknown"}
    try:
        tried = ASKED[name](url, user)
    except (UrlError, names.PostgresError, mysql_names.MysqlError, OSError):
        return {**nothing, "said": "unknown"}
    if tried.kind:
        return {**nothing, "said": tried.kind.replace("_", " ")}
    facts = tried.facts
    kept = sum(facts.get(name, 0) for name in KEPT)
    # The connection that asked is over by now.
    return {"used": facts["connections_used"] - 1, "allowed": facts["max_connections"] - kept, "said": ""}
