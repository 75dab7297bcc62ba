# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""SQLite: a file, which is opened with `query_only` where nothing may be written.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._database.base import Dialect

SCRIPT = r"""
import functools, os, sqlite3, urllib.parse


class Sqlite(Dialect):
    def guard(self):
        guard_sqlite()


DIALECTS["sqlite"] = Sqlite()


def guard_sqlite():
    real, held = sqlite3.connect, {}

    def opened(*args, **more):
        connection = real(*args, **more)
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    @functools.wraps(real)
    def connect(database, *args, **more):
        path = os.fsdecode(database)
        uri = args[6] if len(args) > 6 else more.get("uri", False)
        if uri and path.startswith("file:"):
            parts = urllib.parse.urlsplit(path)
            memory, path = "mode=memory" in parts.query, urllib.parse.unquote(parts.path)
        else:
            memory = False
        if memory or path in ("", ":memory:"):
            return real(database, *args, **more)
        if not os.path.exists(path):
            # A file that is not there yet is not made: its connections share one in memory.
            stand_in = "file:/slipway" + urllib.parse.quote(os.path.abspath(path)) + "?vfs=memdb"
            if stand_in not in held:
                held[stand_in] = real(stand_in, uri=True, check_same_thread=False)
            return real(stand_in, *args[:6], **{**more, "uri": True})
        try:
            connection = opened(database, *args, **more)
        except sqlite3.OperationalError:
            # WAL mode, a folder that is read-only and nobody who has it open: the file alone is the database.
            immutable = "file:" + urllib.parse.quote(os.path.abspath(path)) + "?immutable=1"
            connection = opened(immutable, *args[:6], **{**more, "uri": True})
        connection.execute("PRAGMA query_only=ON")
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connect
"""


class Sqlite(Dialect):
    name, title, script = "sqlite", "SQLite", SCRIPT
    is_file = True
