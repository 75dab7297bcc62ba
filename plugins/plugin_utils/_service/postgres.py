# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's database: PostgreSQL on the host, or any database that a URL leads to; MariaDB and MySQL are in mariadb.py.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ansible_collections.slipway.flask.plugins.module_utils._database import budget
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names as pgbouncer
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names, places
from ansible_collections.slipway.flask.plugins.module_utils._process import concurrency
from ansible_collections.slipway.flask.plugins.module_utils._python import driver
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import postgres as connections
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.problems import variable_problem
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key
from ansible_collections.slipway.flask.plugins.plugin_utils._service import mariadb
from ansible_collections.slipway.flask.plugins.plugin_utils._service.base import App

SCHEME = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?")
VARIABLE = "DATABASE_URL"
POOL = 15
"""SQLAlchemy's pool_size + max_overflow unless an app says otherwise: what bounds workers that take any number of requests."""
LOCAL = ("local", mariadb.LOCAL)
MIGRATE = "flask db upgrade"
"""Flask-Migrate's command, which nearly every app with a database has."""

KEYS = {
    "database": Key(str, "local", "`local` creates a PostgreSQL database on the host, `mariadb` a MariaDB "
                                  "database; `url` uses `database_url`; `none` is for apps without a database.",
                    ("local", "mariadb", "url", "none")),
    "database_url": Key(str, "", "URL of an existing database: `postgresql://…`, `mysql://…` (secret)."),
    "database_ca": Key(str, "", "Certificate authority (PEM) that must have issued the database server's certificate."),
    "database_variable": Key(str, VARIABLE, "Environment variable that holds the database's URL."),
    "database_scheme": Key(str, "", "Scheme of that URL, e.g. `postgresql` or `mysql+mysqldb`. If empty, it "
                                    "matches the driver that the app installs."),
    "database_extensions": Key(list, [], "Extensions to create in the local database as a superuser, e.g. `[pg_trgm]`.",
                               of=str),
    "database_connections": Key(int, 0, "Maximum number of connections that the app may open, if the provider's "
                                        "limit is lower than what the server reports; 0 uses the server's value.",
                                range=(0, 100000)),
    "database_pool": Key(str, "none", "`pgbouncer` lets all of the app's processes share a few connections to "
                                      "the local database; see docs/databases.md.", ("none", "pgbouncer")),
    "database_pool_size": Key(int, 20, "Maximum number of connections that the pooler opens to the server.",
                              range=pgbouncer.SIZES),
    "database_pool_clients": Key(int, 500, "Maximum number of connections that the app may open to the pooler.",
                                 range=pgbouncer.CLIENTS),
    "database_owner_url": Key(str, "", "URL for migrations, with a role that owns the schema. If empty, the "
                                       "app's own URL (secret)."),
}  # fmt: skip


class Postgres:
    """The member of `known.SERVICES` for the keys above; its roles are postgres_server and postgres_client."""

    name = "postgres"

    def keys(self) -> dict[str, Key]:
        return KEYS

    def problems(self, given: App) -> Iterator[str]:
        kind = given.get("database", "local")
        if kind == "url" and not given.get("database_url"):
            yield "'database' is 'url' but 'database_url' is empty; give the URL of the database"
        if given.get("database_url") and kind != "url":
            yield "'database_url' is given but 'database' is not 'url'; set `database: url`"
        if given.get("database_extensions") and kind != "local":
            yield "'database_extensions' is given but 'database' is not 'local'; create them on that server"
        pool = given.get("database_pool", "none")
        if pool != "none" and kind != "local":
            yield (
                f"'database_pool' is '{pool}' but 'database' is '{kind}'; it is for a local database: remove it, and take the "
                "pooler of your provider"
            )
        for key in ("database_pool_size", "database_pool_clients"):
            if pool == "none" and given.get(key, KEYS[key].default) != KEYS[key].default:
                yield f"'{key}' is given but 'database_pool' is 'none'; set `database_pool: pgbouncer`, or remove it"
        if given.get("database_owner_url") and kind == "none":
            yield "'database_owner_url' is given but 'database' is 'none'; remove one of them"
        variable = given.get("database_variable", VARIABLE)
        if kind != "none" and variable in {**given.get("environment", {}), **given.get("secrets", {})}:
            yield f"{variable} is set by 'database'; remove it from 'environment' and 'secrets', or set `database: none`"

    def refusals(self, app: App) -> Iterator[str]:
        if app["database"] == "none":
            return
        if problem := variable_problem(app["database_variable"], "x"):
            yield f"'database_variable' is '{app['database_variable']}': {problem.rstrip('.')}"
        if app["database_scheme"] and not SCHEME.fullmatch(app["database_scheme"]):
            yield f"'database_scheme' is '{app['database_scheme']}'; it must be like postgresql or postgresql+psycopg"
            return
        if app["database_ca"] and app["database"] in LOCAL:
            yield f"'database_ca' is given but 'database' is '{app['database']}', which no network leads to; remove it"
            return
        if mariadb.is_used(app):
            return
        for problem in names.database_problems([database(app)]):
            yield problem.replace(" of database ", " ('database_extensions') of database ")
        for problem in connections.problems([connection(app)]):
            yield "the database's " + problem.partition(": ")[2]

    def variables(self, given: App) -> dict[str, str]:
        if given.get("database", "local") == "none":
            return {}
        return {given.get("database_variable", VARIABLE): given.get("database_url", "")}

    def release_commands(self, given: App) -> list[str]:
        return [] if given.get("database", "local") == "none" else [MIGRATE]

    def packages(self, app: App) -> list[str]:
        return []

    def environment(self, app: App) -> dict[str, str]:
        return {} if app["database"] == "none" else {app["database_variable"]: url(app)}

    def after_units(self, app: App) -> list[str]:
        """PostgreSQL's, for nearly every app: one with `database: none` may have the URL of a database here in its secrets."""
        if mariadb.is_used(app):
            return []
        return ["postgresql.service", *([pgbouncer.unit(app["name"])] if is_pooled(app) else [])]

    def accounts(self, app: App) -> dict[str, str]:
        return {}

    def documents(self, app: App) -> dict[str, dict[str, Any]]:
        found = {}
        if app["database"] == "local":
            found["postgres_server_databases"] = database(app)
        if app["database"] != "none" and not mariadb.is_used(app):
            found["postgres_client_connections"] = connection(app)
        if is_pooled(app):
            found["pgbouncer_pools"] = pool(app)
        return found


def authority(app: App) -> str:
    """Return where the CA of the app's database is on the host, "" when it has none of its own."""
    return connections.ca_path(app["name"]) if app["database_ca"] else ""


def url(app: App) -> str:
    """Return the database's URL in the form the app wants, "" for an app without one."""
    if app["database"] == "none":
        return ""
    if mariadb.is_used(app):
        return mariadb.url(app)
    if app["database"] == "local":
        return local_url(app, pgbouncer.folder(app["name"]) if is_pooled(app) else places.SOCKET_FOLDER)
    return whole_url(app, str(app["database_url"]))


def local_url(app: App, folder: str) -> str:
    """Return the URL of the app's database on the host, over the socket in FOLDER."""
    return f"{app['database_scheme'] or driver.DEFAULT}:///{app['name']}?host={quote(folder, safe='/')}"


def is_pooled(app: App) -> bool:
    """Tell whether the app reaches its database over a pooler on the host."""
    return bool(app["database"] == "local" and app["database_pool"] != "none")


def direct_url(app: App) -> str:
    """Return the URL past the pooler, with which the app is checked and its release commands run; "" for the app's own."""
    return local_url(app, places.SOCKET_FOLDER) if is_pooled(app) else ""


def owner_url(app: App) -> str:
    """Return the URL with which the app's migrations run, "" for the app's own."""
    return whole_url(app, str(app["database_owner_url"])) if app["database_owner_url"] else direct_url(app)


def whole_url(app: App, given: str) -> str:
    """Return a database's URL with the scheme that the app wants, and with the CA that it is to trust."""
    if mariadb.is_used(app):
        return mariadb.whole_url(app, given)
    rest = given.split("://", 1)[-1]
    found = f"{app['database_scheme'] or driver.DEFAULT}://{rest}"
    if authority(app) and "sslrootcert=" not in found:
        mode = "" if "sslmode=" in found else "sslmode=verify-full&"
        found += f"{'&' if '?' in found else '?'}{mode}sslrootcert={authority(app)}"
    return found


def wanted_scheme(app: App) -> str:
    """Return which driver the app's database needs: a scheme, "auto" for whatever the app brings, "" for no database."""
    if app["database"] == "none":
        return ""
    return mariadb.wanted_scheme(app) if mariadb.is_used(app) else str(app["database_scheme"] or driver.AUTO)


def connection(app: App) -> dict[str, Any]:
    """Return the app's entry for the role postgres_client."""
    return {"name": app["name"], "url": url(app), "user": app["name"], "ca": app["database_ca"]}


def pool(app: App) -> dict[str, Any]:
    """Return the app's entry for the role pgbouncer."""
    return {"name": app["name"], "size": app["database_pool_size"], "clients": app["database_pool_clients"]}


def connections_of(app: App, cores: int) -> int:
    """Return how many connections the app may open to a local database, as far as its description says, on a host with CORES.

    The same arithmetic as a deploy's (`_database/budget.py`), which then asks the app itself for its pools.
    """
    if app["database"] not in LOCAL:
        return 0
    if is_pooled(app):
        return int(budget.pooled(app["database_pool_size"]).switch)
    alone = app["handover"] == "stop_first"
    jobs = {"gthread": app["threads"], "gevent": POOL, "asgi": POOL}.get(app["worker_class"], 1)
    needs = [budget.Need("web", app["workers"] or (1 if alone else 2 * cores + 1), jobs, not alone)]
    for name, entry in app["processes"].items():
        processes, each = (1, 1) if entry["schedule"] else concurrency.of(str(entry["command"]), cores)
        needs.append(budget.Need(name, processes * entry["instances"], each, entry["handover"] != "stop_first"))
    return budget.Budget(needs).switch


def database(app: App) -> dict[str, Any]:
    """Return the app's entry for the role postgres_server."""
    return {"name": app["name"], "owner": app["name"], "extensions": list(app["database_extensions"])}
