# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What one run over an app's releases is asked: the parameters of slipway.flask.release and slipway.flask.rollback.

It is made once, from the task on the host (modules/release_on_host.py, rollback_on_host.py), and nobody changes it. What
each parameter means is in the documentation of the two modules.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import typed


@dataclass(frozen=True)
class Source:
    """Where the code is; the last seven come from the controller, which has looked at it."""

    git: str = ""
    version: str = "HEAD"
    git_key: str = ""
    archive: str = ""
    sha256: str = ""
    package: str = ""
    subfolder: str = ""
    key: str = field(default="", metadata={"parameter": "source_key"})
    """The name of the contents."""
    revision: str = ""
    dirty: bool = False
    whole: bool = False
    """Whether more than the subfolder is sent, for it is a member of a workspace."""
    upload: str = ""
    """File on the host with what the controller has sent."""
    content: str = ""
    """The same in base64, where it is small."""
    secret_url: str = ""
    """The address with its credentials, where `git` or `archive` are shown without."""


@dataclass(frozen=True)
class Packages:
    """What is installed beside the app's own list."""

    extra_packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    database: str = ""


@dataclass(frozen=True)
class Downloads:
    """Whether uv may fetch a Python, and from where."""

    allowed: bool = True
    mirror: str = ""
    list_url: str = ""


@dataclass(frozen=True)
class Tools:
    """The installer of packages, and where it has them from."""

    uv: str = "/opt/slipway/bin/uv"
    ca_bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command of the app's description."""

    command: str
    once: bool = False
    name: str = ""

    @property
    def known_as(self) -> str:
        """The name by which it is known to have run."""
        return app_command.once_name(asdict(self))


@dataclass(frozen=True)
class Migrations:
    """How the database's schema may be changed."""

    mode: str = "guarded"
    allow: tuple[str, ...] = ()
    dump: bool = True
    lock_timeout_seconds: int = 5
    statement_timeout_seconds: int = 0
    variable: str = "DATABASE_URL"
    owner_url: str = ""

    @property
    def allowed(self) -> set[str]:
        """The revisions that may do what they do."""
        return {name.strip() for name in self.allow if name.strip()}


@dataclass(frozen=True)
class Verify:
    """The site as a visitor reaches it."""

    domain: str = ""
    address: str = "127.0.0.1"
    port: int = 443


@dataclass(frozen=True)
class Web:
    """Who serves the app to visitors, and what of it by itself."""

    user: str = ""
    service: str = "nginx.service"
    folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One deploy or rollback of one app. What only the other one has is at its default."""

    app: str
    wsgi: str
    user: str
    root: str
    settings_folder: str
    health: Health = Health()
    verify: Verify = Verify()
    web: Web = Web()
    migrations: Migrations = Migrations()
    tools: Tools = field(default=Tools(), metadata={"flat": True})
    writable_paths: tuple[str, ...] = ()
    command_seconds: int = 3600
    check_seconds: int = 120
    writes_at_import: bool = False
    watch_seconds: int = 5
    drain_seconds: int = 30
    hook_seconds: int = 900

    # A deploy's.
    source: Source = field(default=Source(), metadata={"flat": True})
    python: str = ""
    python_downloads: Downloads = Downloads()
    requirements: tuple[str, ...] = ()
    packages: Packages = Packages()
    files: Mapping[str, str] = field(default_factory=dict)
    shared_folders: tuple[str, ...] = ()
    build_commands: tuple[Command, ...] = ()
    release_commands: tuple[Command, ...] = ()
    expected_environment: Mapping[str, Any] = field(default_factory=dict)
    """The settings that the variables have, sealed (settings.py); empty when they are not compared."""
    plan: bool = False
    keep_releases: int = 5
    min_free_mb: int = 256

    # A rollback's.
    to: str = ""
    schema: str = "refuse"

    # What the controller says of this call.
    by: str = "somebody"
    process: str = ""
    gone: str | None = None
    """A run that holds the app and is known to have died."""
    progress: str = ""
    until: str = ""
    """The hook at which to stop; empty is the end."""
    resume: str = ""
    """The release that stopped at a hook and goes on."""
    gave_up: str = ""
    """Why the tasks of that hook failed."""

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Request:
        """Return the request that a task's PARAMETERS are, as its argument spec has checked them."""
        return typed(cls, parameters)
