# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How many database connections one process of an app opens: its pools, as the app itself has made them.

`SCRIPT` runs under the app's own Python (3.9 or later), after the app was imported, and connects to nothing. It finds
SQLAlchemy's engines (Flask-SQLAlchemy's with all binds, and any other), and the pools of psycopg_pool and psycopg2.

SQLAlchemy's QueuePool opens `pool_size` + `max_overflow` connections, without a limit if one of them says so; NullPool one
for each that is asked for; StaticPool and AssertionPool one. psycopg_pool's opens `max_size`, and `min_size` at once.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

SCRIPT = r'''
def pools(app):
    """Return the pools of connections to servers, each once: `most` connections (0: no limit), and `least` at any rate."""
    import gc

    make_engines(app)
    readers = {}
    for module, name, reader in (
        ("sqlalchemy.engine.base", "Engine", of_engine),
        ("psycopg_pool.base", "BasePool", of_psycopg_pool),
        ("psycopg2.pool", "AbstractConnectionPool", of_psycopg2_pool),
    ):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            readers[kind] = reader
    told, seen = [], set()
    for one in gc.get_objects() if readers else ():
        # Not isinstance(): it asks proxies such as Flask's what they stand for.
        reader = next((reader for kind, reader in readers.items() if issubclass(type(one), kind)), None)
        key = id(getattr(one, "pool", one)) if reader is of_engine else id(one)
        if reader is None or key in seen:
            continue
        seen.add(key)
        try:
            entry = reader(one)
        except Exception:  # a pool of another making
            continue
        if entry:
            told.append(entry)
    return sorted(told, key=repr)


def make_engines(app):
    """Have Flask-SQLAlchemy make its engines; version 2 makes them when they are first used."""
    state = (getattr(app, "extensions", None) or {}).get("sqlalchemy")
    extension = getattr(state, "db", state)
    if extension is None:
        return
    try:
        with app.app_context():
            if hasattr(extension, "engines"):
                extension.engines
            elif hasattr(extension, "get_engine"):
                for bind in [None, *(app.config.get("SQLALCHEMY_BINDS") or {})]:
                    extension.get_engine(app, bind)
    except Exception:
        pass


def of_engine(engine):
    if engine.dialect.name == "sqlite":
        return None
    url, pool, kinds = engine.url, engine.pool, {kind.__name__ for kind in type(engine.pool).__mro__}
    most = 0
    if kinds & {"StaticPool", "AssertionPool"}:
        most = 1
    elif "NullPool" not in kinds and hasattr(pool, "size"):
        overflow = getattr(pool, "_max_overflow", -1)
        most = pool.size() + overflow if overflow >= 0 else 0
    host = url.query.get("unix_socket") or url.host or url.query.get("host") or ""
    host = host if isinstance(host, str) else ",".join(host)
    return {
        "kind": "SQLAlchemy", "dialect": engine.dialect.name, "driver": getattr(engine.dialect, "driver", ""), "host": host,
        "port": int(url.port or url.query.get("port") or 0), "most": most, "least": 0,
    }


def of_psycopg_pool(pool):
    from psycopg.conninfo import conninfo_to_dict

    conninfo, more = pool.conninfo, getattr(pool, "kwargs", None)
    place = {**conninfo_to_dict(conninfo if isinstance(conninfo, str) else ""), **(more if isinstance(more, dict) else {})}
    return of_libpq("psycopg_pool", place, pool.max_size, pool.min_size)


def of_psycopg2_pool(pool):
    from psycopg2.extensions import parse_dsn

    given = dict(pool._kwargs)
    dsn = pool._args[0] if pool._args else given.pop("dsn", "")
    return of_libpq("psycopg2.pool", {**parse_dsn(dsn or ""), **given}, pool.maxconn, pool.minconn)


def of_libpq(kind, place, most, least):
    port = str(place.get("port") or "")
    return {
        "kind": kind, "dialect": "postgresql", "driver": kind.split("_")[0].split(".")[0], "host": str(place.get("host") or ""),
        "port": int(port) if port.isdigit() else 0, "most": int(most or 0), "least": int(least or 0),
    }
'''
"""Needs `sys`."""
