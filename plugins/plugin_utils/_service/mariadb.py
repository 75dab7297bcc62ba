# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's database where that is MariaDB on the host, or a MySQL or MariaDB that a URL leads to.

The keys are those of every database, which postgres.py has.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._mysql import names
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url as mysql_url
from ansible_collections.slipway.flask.plugins.module_utils._python import mysql_driver
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import mysql as connections
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key
from ansible_collections.slipway.flask.plugins.plugin_utils._service.base import App

LOCAL = "mariadb"
"""What `database` says for one on the host."""


class Mariadb:
    """The member of `known.SERVICES` for such a database; its role is mariadb_server."""

    name = "mariadb"

    def keys(self) -> dict[str, Key]:
        return {}

    def problems(self, given: App) -> Iterator[str]:
        yield from ()

    def refusals(self, app: App) -> Iterator[str]:
        if not is_used(app) or (
            app["database"] == LOCAL and app["database_ca"]
        ):  # postgres.py refuses that, as for its own
            return
        if app["database"] == LOCAL:
            for problem in names.database_problems([database(app)]):
                yield f"`database: mariadb`: {problem}"
        for problem in connections.problems([connection(app)]):
            yield "the database's " + problem.partition(": ")[2]

    def variables(self, given: App) -> dict[str, str]:
        return {}

    def release_commands(self, given: App) -> list[str]:
        return []

    def packages(self, app: App) -> list[str]:
        return []

    def environment(self, app: App) -> dict[str, str]:
        return {}

    def after_units(self, app: App) -> list[str]:
        return ["mariadb.service"] if is_used(app) else []

    def accounts(self, app: App) -> dict[str, str]:
        return {}

    def documents(self, app: App) -> dict[str, dict[str, Any]]:
        if not is_used(app):
            return {}
        own = {"mariadb_server_databases": database(app)} if app["database"] == LOCAL else {}
        return {**own, "mariadb_server_connections": connection(app)}


def is_used(app: App) -> bool:
    """Tell whether an app's database is of this kind: by `database`, by the scheme that it wants, or by its URL."""
    if app["database"] != "url":
        return bool(app["database"] == LOCAL)
    return mysql_driver.is_mysql(str(app["database_scheme"] or app["database_url"]))


def wanted_scheme(app: App) -> str:
    """Return which driver the app needs: a scheme, or that it is whatever the app brings."""
    return str(app["database_scheme"] or mysql_driver.AUTO)


def url(app: App) -> str:
    """Return the URL of the app's own database, or the one that it is given, in the form the app wants."""
    if app["database"] == LOCAL:
        local = mysql_url.socket_url(mysql_driver.DEFAULT, app["name"], app["name"])
        return mysql_driver.fitted(local, scheme(app))
    return whole_url(app, str(app["database_url"]))


def whole_url(app: App, given: str) -> str:
    """Return a database's URL with the scheme that the app wants, and with the CA that it is to trust."""
    trusted = mysql_url.with_ca(given, connections.ca_path(app["name"])) if app["database_ca"] else given
    return mysql_driver.fitted(trusted, scheme(app))


def scheme(app: App) -> str:
    return str(app["database_scheme"] or mysql_driver.DEFAULT)


def connection(app: App) -> dict[str, Any]:
    """Return the app's connection for the role mariadb_server, which is tried as the app's user."""
    entry = {"name": app["name"], "url": url(app), "user": app["name"]}
    return {**entry, "ca": app["database_ca"]} if app["database_ca"] else entry


def database(app: App) -> dict[str, Any]:
    """Return the app's entry for the role mariadb_server."""
    return {"name": app["name"], "owner": app["name"]}
