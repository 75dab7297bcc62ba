# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections to servers of any kind, as roles take them: what is wrong with a list of them, and what is made of one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import listed
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import SYSTEM_USER

CA_FOLDER = "/etc/ssl/slipway"
"""Folder of the CAs on a host."""
KEYS = frozenset({"name", "url", "user", "ca", "ca_file"})

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")

Entry = Mapping[str, Any]


def problems(connections: Any, of_entry: Callable[[Entry, str], Iterable[str]]) -> list[str]:
    """Return what is wrong with a list of connections, one sentence per fault; never with a URL's contents.

    OF_ENTRY tells what is wrong with one and its name.
    """
    return listed.problems(connections, "connection", ["name", "url"], of_entry)


def named(name: str) -> Iterator[str]:
    """Yield what is wrong with the NAME of a connection: files are called by it."""
    if not NAME.fullmatch(name):
        yield "the name must begin with a small letter and have only small letters, digits, _ and -"


def common(entry: Entry, keys: Collection[str] = KEYS) -> Iterator[str]:
    """Yield what is wrong with the KEYS of a connection that mean the same for every kind of server."""
    yield from listed.unknown(entry, keys)
    if entry.get("user") and not SYSTEM_USER.fullmatch(str(entry["user"])):
        yield f"'{entry['user']}' in 'user' is not a valid system user name"
    if entry.get("ca") and entry.get("ca_file"):
        yield "give either ca (the certificate's text) or ca_file (a file on the controller)"
    if entry.get("ca") and "-----BEGIN CERTIFICATE-----" not in str(entry["ca"]):
        yield "ca must be a certificate in PEM form (-----BEGIN CERTIFICATE-----); a file's path goes into ca_file"


def has_ca(entry: Entry) -> bool:
    """Tell whether a connection has a CA of its own."""
    return bool(entry.get("ca") or entry.get("ca_file"))


def plan(
    connections: Iterable[Entry],
    ca_path: Callable[[str], str],
    more: Callable[[Entry], Mapping[str, str]] = lambda _: {},
) -> dict[str, Any]:
    """Split CONNECTIONS into what a module takes that tries them (`checks`, `urls`) and the CA `files` to write.

    CA_PATH is where the CA of a connection lies on the host, by name; MORE are further keys of a check.
    """
    checks, urls, files = [], {}, []
    for entry in connections:
        name = str(entry["name"])
        ca = ca_path(name) if has_ca(entry) else ""
        checks.append({"name": name, "user": str(entry.get("user") or ""), "ca": ca, **more(entry)})
        urls[name] = str(entry["url"])
        if ca and entry.get("ca"):
            files.append({"dest": ca, "content": str(entry["ca"]).strip() + "\n"})
        elif ca:
            files.append({"dest": ca, "src": str(entry["ca_file"])})
    if files:
        files.insert(0, {"dest": CA_FOLDER, "state": "directory"})
    return {"checks": checks, "urls": urls, "files": files}
