# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an app keeps on its host, and so each of several hosts would have another of: visitors would see now one, now the other.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres

KEY = "state_per_host"
SQLITE = re.compile(r"sqlite(\+\w+)?:", re.IGNORECASE)
ON_PURPOSE = f"or set `{KEY}: true` if each host may have its own"
"""How an app is let through that is meant to be so."""


def problems(app: Mapping[str, Any], hosts: Sequence[str], shared_database: str = "") -> list[str]:
    """Return what of APP, which has all its keys, would differ between its HOSTS, one sentence each with the way on.

    SHARED_DATABASE is the host that has the database of all of them, "" if each would have one of its own.
    """
    if len(hosts) < 2 or app[KEY]:
        return []
    return list(_apart(app, hosts, shared_database))


def sessions_problems(app: Mapping[str, Any], described: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield that hosts sign sessions with different keys, if they do; DESCRIBED is the APP as each host has it written.

    A visitor who is logged in on one would be nobody on the next. No key is repeated.
    """
    variable = app["secret_key_variable"]
    if not variable or app[KEY]:
        return
    own = str({**app["environment"], **app["secrets"]}.get(variable))
    other = [host for host, one in described.items() if str(_settings(one).get(variable)) != own]
    if other:
        yield (
            f"{variable} is another one on {named(other)}, so that whoever is logged in on one host is not on the next. Give all "
            f"hosts the same, {ON_PURPOSE}"
        )


def _settings(app: Mapping[str, Any]) -> dict[str, Any]:
    found = (app.get(key) for key in ("environment", "secrets"))
    return {name: value for one in found if isinstance(one, Mapping) for name, value in one.items()}


def _apart(app: Mapping[str, Any], hosts: Sequence[str], shared_database: str) -> Iterator[str]:
    where = f"the app has {len(hosts)} hosts ({named(hosts)})"
    if app["shared_folders"]:
        folders = ", ".join(map(str, app["shared_folders"]))
        yield (
            f"'shared_folders' is [{folders}], but {where}, and what a visitor uploads to one is missing on the others. Keep "
            f"the files in `object_storage` (docs/object-storage.md), {ON_PURPOSE}"
        )
    for place in _files(app):
        yield (
            f"{place} is a SQLite file, but {where}, and each would write its own. Use PostgreSQL: a host in the group `db` "
            f"with `database: local`, or `database: url`; {ON_PURPOSE}"
        )
    if app["handover"] == "stop_first":
        yield (
            f"'handover' is 'stop_first', which is for an app that must be one process, but {where}: it would run on each. Have it "
            f"on one host, {ON_PURPOSE}"
        )
    if app["database"] in postgres.LOCAL and not shared_database:
        way = "put one host into the group `db`, or " * (app["database"] == "local")
        yield (
            f"'database' is '{app['database']}', but {where}, and each would have a database of its own. To share one, {way}use "
            f"`database: url`; {ON_PURPOSE}"
        )


def _files(app: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the description of APP names a database in a file; no value is repeated, for it may be secret."""
    if app["database"] == "url" and _is_file(app["database_url"]):
        yield "'database_url'"
    for key in ("environment", "secrets"):
        yield from (f"{name} in '{key}'" for name, value in app[key].items() if _is_file(value))


def _is_file(value: Any) -> bool:
    """Tell whether a VALUE is the URL of a SQLite file, and not of a database in memory, which nobody expects to last."""
    if not SQLITE.match(str(value)):
        return False
    path = urlsplit(str(value)).path.lstrip("/")
    return bool(path) and path != ":memory:" and "mode=memory" not in str(value)


def named(hosts: Sequence[str], most: int = 5) -> str:
    """Return the names of HOSTS, the first MOST of them if there are many more."""
    rest = len(hosts) - most
    return ", ".join(hosts[:most]) + (f" and {rest} more" if rest > 0 else "")
