# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a process of an app reads of a run: nothing else of the engine is known below it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places


class Site(Protocol):
    """The app's site as a visitor reaches it."""

    @property
    def domain(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...


class Server(Protocol):
    """The web server in front of the app: its user ("" for none) and its service."""

    @property
    def user(self) -> str: ...
    @property
    def service(self) -> str: ...


class Asked(Protocol):
    """What a process reads of a run's parameters. USER is the app's, WSGI what its web process serves."""

    @property
    def user(self) -> str: ...
    @property
    def wsgi(self) -> str: ...
    @property
    def health(self) -> Health: ...
    @property
    def verify(self) -> Site: ...
    @property
    def web(self) -> Server: ...
    @property
    def watch_seconds(self) -> int: ...
    @property
    def drain_seconds(self) -> int: ...


class Host(Protocol):
    """What a run gives its processes: the app's places, what is asked, and how files are written. NOTES are for the user."""

    gid: int
    notes: list[str]

    @property
    def paths(self) -> Places: ...
    @property
    def request(self) -> Asked: ...
    def write(self, path: Path, content: str, uid: int, gid: int, bits: int) -> None: ...
    def file_databases(self, release: str) -> list[str]:
        """Return the kinds of databases in files, such as SQLite, that the environment of RELEASE names."""

    def hint(self, text: str, of_page: bool = False) -> str:
        """Return what to do about a failure whose log or, OF_PAGE, whose answer to visitors is TEXT; "" for no idea."""
