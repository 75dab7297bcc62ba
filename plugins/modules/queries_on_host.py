#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.queries."""

from __future__ import annotations

DOCUMENTATION = r"""
module: queries_on_host
short_description: The host's half of slipway.flask.queries
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._mysql import insight as mysql_insight
from ansible_collections.slipway.flask.plugins.module_utils._mysql import names as mysql_names
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url as mysql_url
from ansible_collections.slipway.flask.plugins.module_utils._postgres import insight, names
from ansible_collections.slipway.flask.plugins.module_utils._postgres.url import parse_url
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError

ARGUMENTS: dict[str, Any] = {
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"app": {"type": "str", "required": True}, "database": {"type": "str", "required": True}},
    },
    # Of their own, and secret as a whole: a URL may hold a password.
    "urls": {"type": "dict", "default": {}, "no_log": True},
    "limit": {"type": "int", "default": 5},
    "reset": {"type": "bool", "default": False},
}


def asked_how(app: str, kind: str, url: str) -> tuple[insight.Ask, str, str] | str:
    """Return how to ask an app's database, its name, and where its statements are; or why there is nothing to ask."""
    if kind == "local":
        cluster = names.find_cluster()
        if not cluster:
            return "there is no PostgreSQL on the host yet: run playbooks/provision.yml"
        return insight.of_host(cluster, app), app, "postgres"
    if kind != "url":
        return "it has no database in PostgreSQL, MySQL or MariaDB"
    parsed, psql = parse_url(url), names.find_psql()
    if not parsed.is_postgres:
        return f"its database is {parsed.dialect}, not PostgreSQL"
    if not psql:
        return "psql is not installed: run playbooks/provision.yml"
    return insight.elsewhere(psql, parsed, app), parsed.parameters.get("dbname", app), ""


def of_mysql(app: str, kind: str, url: str, limit: int, reset: bool) -> dict[str, Any] | None:
    """Return what there is to tell of one app's database in MySQL or MariaDB, None for another one's."""
    parsed = mysql_url.parse_url(url) if url else None
    if kind == "mariadb":
        ask, database = mysql_insight.of_host(), app
    elif parsed and parsed.is_mysql:
        client = mysql_names.find_client()
        if not client:
            return {
                "app": app,
                "said": "MariaDB's client is not installed: run playbooks/provision.yml",
                "reset": False,
            }
        ask, database = mysql_insight.elsewhere(client, parsed, app), parsed.database
    else:
        return None
    # The server counts the statements of all databases together, and could only count all of them anew.
    more = {"server": "mysql", "reset": False, "not_reset": reset}
    return {"app": app, "said": "", **mysql_insight.look(ask, database, limit), **more}


def look(app: str, kind: str, url: str, limit: int, reset: bool) -> dict[str, Any]:
    """Return the report of one app's database; RESET clears its statement statistics."""
    if told := of_mysql(app, kind, url, limit, reset):
        return told
    how = asked_how(app, kind, url)
    if isinstance(how, str):
        return {"app": app, "said": how, "reset": False}
    ask, database, statements_in = how
    found = {"app": app, "said": "", **insight.look(ask, database, limit, statements_in), "reset": reset}
    if reset:
        insight.reset(ask, database, statements_in)
    return found


def main() -> None:
    module, asked = begin(ARGUMENTS)
    limit, reset = asked["limit"], asked["reset"] and not module.check_mode
    if limit < 1:
        module.fail_json(msg=f"limit is {limit}; it must be 1 or more (the number of entries to show per section)")
    found = []
    for app in asked["apps"]:
        try:
            found.append(look(app["app"], app["database"], asked["urls"].get(app["app"], ""), limit, reset))
        except (names.PostgresError, mysql_names.MysqlError, UrlError) as error:
            module.fail_json(msg=f"the database of {app['app']} can't be queried: {error}")
    module.exit_json(changed=any(one["reset"] for one in found), apps=found)


if __name__ == "__main__":
    main()
