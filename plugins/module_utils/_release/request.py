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
from typing import Any, Literal

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._audit.wanted import URL, Policy
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import spec_of, typed

What = Literal["deploy", "rollback"]
SECRET = {"spec": {"no_log": True}}
PATH = {"spec": {"type": "path"}}
PATHS = {"spec": {"elements": "path"}}
DEPLOY, ROLLBACK = {"of": "deploy"}, {"of": "rollback", "call": True}
"""Metadata of what only one of the two has."""
CALL = {"call": True}
"""Metadata of what is no part of an app's description: it belongs to one call."""
PACKED = {"of": "deploy", "packed": True}
"""Metadata of what the controller sends as one text (plugin_utils/_action/private.py)."""


@dataclass(frozen=True)
class Source:
    """Where the code is; the last eight come from the controller, which has looked at it."""

    git: str = ""
    version: str = "HEAD"
    git_key: str = field(default="", metadata=SECRET)
    archive: str = ""
    sha256: str = ""
    package: str = ""
    subfolder: str = ""
    key: str = field(default="", metadata=CALL | {"parameter": "source_key", "spec": {"no_log": False}})
    """The name of the contents."""
    revision: str = field(default="", metadata=CALL)
    dirty: bool = field(default=False, metadata=CALL)
    whole: bool = field(default=False, metadata=CALL)
    """Whether more than the subfolder is sent, for it is a member of a workspace."""
    upload: str = field(default="", metadata=CALL | PATH)
    """File on the host with what the controller has sent."""
    content: str = field(default="", metadata=CALL | SECRET)
    """The same in base64, where it is small; no secret, but too long to be logged."""
    within: str = field(default="", metadata=CALL)
    """The version, mostly a branch, whose history must have the wanted one; empty is any."""
    secret_url: str = field(default="", metadata=CALL | SECRET)
    """The address with its credentials, where `git` or `archive` are shown without."""


@dataclass(frozen=True)
class Promotion:
    """The release that is promoted: the one that served as APP on HOSTS, which the user calls OF."""

    of: str = ""
    app: str = ""
    hosts: tuple[str, ...] = ()
    release: str = ""
    python: str = ""
    """The version of Python that it ran with."""
    lock: str = ""
    """The lock of its packages (_python/locked.py)."""

    @property
    def told(self) -> str:
        """Return it as records and people have it, "" for no promotion."""
        return f"{self.of}, release {self.release} of {self.app} on {', '.join(self.hosts)}" if self.of else ""


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
    mirror: str = field(default="", metadata=SECRET)
    list_url: str = field(default="", metadata=SECRET)


@dataclass(frozen=True)
class Tools:
    """The installer of packages, and where it has them from."""

    uv: str = field(default="/opt/slipway/bin/uv", metadata=PATH)
    ca_bundle: str = field(default="/etc/ssl/certs/ca-certificates.crt", metadata=PATH)
    index_url: str = field(default="", metadata=SECRET)
    extra_index_urls: tuple[str, ...] = field(default=(), metadata=SECRET)


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

    mode: Literal["guarded", "report", "off"] = "guarded"
    allow: tuple[str, ...] = ()
    dump: bool = True
    lock_timeout_seconds: int = 5
    statement_timeout_seconds: int = 0
    variable: str = "DATABASE_URL"
    owner_url: str = field(default="", metadata=SECRET)

    @property
    def allowed(self) -> set[str]:
        """The revisions that may do what they do."""
        return {name.strip() for name in self.allow if name.strip()}


@dataclass(frozen=True)
class Database:
    """How the app reaches its database's server, and what is known of that beyond what it says itself."""

    connections: int = 0
    pool_size: int = 0
    """What a pooler between them opens at most; 0 for none."""
    pool_clients: int = 0
    direct_url: str = field(default="", metadata=SECRET)
    """The URL past that pooler."""


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
    root: str = field(metadata=PATH)
    settings_folder: str = field(metadata=PATH)
    health: Health = Health()
    verify: Verify = Verify()
    web: Web = Web()
    migrations: Migrations = Migrations()
    database: Database = Database()
    tools: Tools = field(default=Tools(), metadata={"flat": True})
    writable_paths: tuple[str, ...] = field(default=(), metadata=PATHS)
    command_seconds: int = 3600
    check_seconds: int = 120
    writes_at_import: bool = False
    watch_seconds: int = 5
    drain_seconds: int = 30
    hook_seconds: int = 900

    # A deploy's.
    source: Source = field(default=Source(), metadata=DEPLOY | {"flat": True})
    python: str = field(default="", metadata=DEPLOY)
    python_downloads: Downloads = field(default=Downloads(), metadata=DEPLOY)
    requirements: tuple[str, ...] = field(default=(), metadata=DEPLOY)
    packages: Packages = field(default=Packages(), metadata=DEPLOY)
    files: Mapping[str, str] = field(default_factory=dict, metadata=DEPLOY | SECRET)
    shared_folders: tuple[str, ...] = field(default=(), metadata=DEPLOY)
    bucket_variable: str = field(default="", metadata=DEPLOY)
    """The variable with the name of the app's bucket in object storage."""
    build_commands: tuple[Command, ...] = field(default=(), metadata=PACKED)
    setup_commands: tuple[Command, ...] = field(default=(), metadata=PACKED)
    release_commands: tuple[Command, ...] = field(default=(), metadata=PACKED)
    expected_environment: Mapping[str, Any] = field(default_factory=dict, metadata=PACKED)
    """The settings that the variables have, sealed (settings.py); empty when they are not compared."""
    expected_settings: Mapping[str, str] = field(default_factory=dict, metadata=DEPLOY)
    """The text of files among the settings as the variables have them, "" for one that is not to be there."""
    audit: Policy = field(default=Policy(), metadata=DEPLOY)
    audit_url: str = field(default=URL, metadata=DEPLOY)
    """A server with OSV's API."""
    promotion: Promotion = field(default=Promotion(), metadata=DEPLOY | CALL)
    plan: bool = field(default=False, metadata=DEPLOY | CALL)
    look: bool = field(default=False, metadata=DEPLOY | CALL)
    """Whether it is only asked if there is anything to do."""
    deployers: tuple[str, ...] = field(default=(), metadata=DEPLOY)
    """Who may deploy a commit of the same branch by themselves (by_key.py)."""
    once: bool = field(default=False, metadata=DEPLOY)
    """Whether something is said for this run alone, which deployers must not repeat: another version, a refusal overruled."""
    keep_releases: int = field(default=5, metadata=DEPLOY)
    hosts: int = field(default=1, metadata=DEPLOY)
    """How many hosts have the app and share its database."""
    min_free_mb: int = field(default=256, metadata=DEPLOY)

    # A rollback's.
    to: str = field(default="", metadata=ROLLBACK)
    schema: Literal["refuse", "keep", "downgrade"] = field(default="refuse", metadata=ROLLBACK)

    # What the controller says of this call.
    by: str = field(default="somebody", metadata=CALL)
    process: str = field(default="", metadata=CALL)
    gone: str | None = field(default=None, metadata=CALL)
    """A run that holds the app and is known to have died."""
    progress: str = field(default="", metadata=CALL | {"spec": {"no_log": False}})
    until: str = field(default="", metadata=CALL)
    """The hook at which to stop; empty is the end."""
    resume: str = field(default="", metadata=CALL)
    """The release that stopped at a hook and goes on."""
    gave_up: str = field(default="", metadata=CALL)
    """Why the tasks of that hook failed, or another host of the fleet did."""
    fleet: str = field(default="", metadata=CALL | {"spec": {"no_log": False}})
    """The name that a run over several hosts has on all of them (fleet.py); empty for one of this host alone."""
    settle: Literal["", "go on", "go back"] = field(default="", metadata=CALL)
    """What is to become of a release that a run over several hosts had switched to when it was killed."""
    verify_at: tuple[str, ...] = field(default=(), metadata=CALL)
    """Further addresses at which the site is verified before this call goes on: those of the balancers."""

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Request:
        """Return the request that a task's PARAMETERS are, as its argument spec has checked them."""
        return typed(cls, parameters)


def spec(what: What) -> dict[str, Any]:
    """Return the argument spec of a deploy or a rollback, without what the controller packs."""
    return spec_of(Request, lambda about: about.get("of", what) == what and not about.get("packed"))


def description_spec(what: What = "deploy") -> dict[str, Any]:
    """Return the argument spec of an app's description, as a deploy or a rollback reads it on the host."""
    return spec_of(Request, lambda about: about.get("of", what) == what and not about.get("call"))
