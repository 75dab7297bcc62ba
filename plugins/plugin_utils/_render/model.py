# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app as any engine of containers runs it: what is started from its image, in which order, with which settings.

`description.deployment` makes it of an app of `slipway_apps`; compose.py, swarm.py and kubernetes.py write it down.
Nothing in it is of one of them: times are seconds, memory is MiB, schedules are `times.Times`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.slipway.flask.plugins.plugin_utils._render.times import Times

PORT = 8000
"""The port that the image's web process listens on, at all addresses."""
HOME = "/app"
"""The folder of the image that is the release's folder: `src` in it is the code, `venv` the environment, `shared` has the
shared folders, and `files` the app's files, to which links in the code lead."""
USER = 10001
"""The image's user and group."""
WRITABLE = ("/tmp",)
"""Folders in memory that the app writes to, the rest of the image being read-only."""
SECRETS = "/run/secrets"
"""Where a container finds its secrets as files, in Compose and in Swarm (docs.docker.com/engine/swarm/secrets)."""
RUN, MIGRATE, HEALTH = "slipway-run", "slipway-migrate", "slipway-health"
"""The image's commands beside its default one, which is the web process."""
STATE = "/var/lib/slipway/state"
"""$STATE_DIRECTORY of a process: the only folder of its own that is kept."""

Kind = Literal["web", "worker", "schedule", "migrate"]


@dataclass(frozen=True)
class Volume:
    """A folder that outlives containers; `name` is unique in the app and a DNS label (RFC 1123)."""

    name: str
    path: str
    """Where every process that has it finds it."""
    key: str
    """The key of the app's description that asks for it: shared_folders, writable_paths or processes."""


@dataclass(frozen=True)
class Health:
    """What the web process answers when it is ready; the image's `slipway-health` asks for the same, as do probes."""

    paths: tuple[str, ...]
    statuses: tuple[int, ...]
    host: str
    start_seconds: int
    """Time that a new one may take until it is ready."""
    watch_seconds: int = 0
    """Time that it must stay so before the one that it replaces may go."""


@dataclass(frozen=True)
class Ready:
    """When a worker counts as ready: alive for `seconds`, or when `command` succeeds within them."""

    seconds: int
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Process:
    """One kind of container of the app: the web process, a worker, a schedule, or the migrations."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    """Arguments to the image's entry; empty is its default, the web process."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Its own variables, beside those of the app."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Its own secret variables, beside those of the app."""
    instances: int = 1
    overlap: bool = True
    """Whether a new one may run beside the one that it replaces."""
    stop_seconds: int = 60
    stop_signal: str = "SIGTERM"
    memory_mb: int = 0
    """Limit; 0 is none."""
    nice: int = 0
    workers: int = 0
    """Of gunicorn, if the description says how many."""
    volumes: tuple[Volume, ...] = ()
    health: Health | None = None
    ready: Ready | None = None
    times: Times | None = None
    timeout_seconds: int = 0
    """Of a schedule's run; 0 is no limit."""
    jitter_seconds: int = 0
    catch_up: bool = False


@dataclass(frozen=True)
class Server:
    """A backing service that runs beside the app because it is `local`: PostgreSQL, or Redis for one purpose."""

    name: str
    """Its host name: postgres, redis-queue or redis-cache."""
    kind: Literal["postgres", "redis"]
    port: int
    volume: Volume | None
    memory_mb: int = 0
    """What it may use for its data (Redis); 0 is for the renderer to choose."""
    password: str = ""
    """Secret."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """postgres: database, user, extensions; redis: purpose, appendfsync."""


@dataclass(frozen=True)
class Front:
    """What stands between visitors and the web process."""

    domains: tuple[str, ...]
    redirect_domains: tuple[str, ...]
    certificate: str
    """self_signed, provided or acme."""
    body_mb: int
    timeout_seconds: int
    static: Mapping[str, Mapping[str, Any]]
    """URL -> folder, expires_seconds, immutable, fallback; the image serves them, a proxy in front may keep them."""
    hidden_paths: tuple[str, ...] = ()
    streaming: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deployment:
    """An app with all that is started for it."""

    name: str
    image: str
    release: str
    """What tells one version of the app from another, such as a revision; "" if nobody said."""
    front: Front
    web: Process
    workers: tuple[Process, ...]
    schedules: tuple[Process, ...]
    migrate: Process | None
    """Must end well before anything else of this version starts; None if the app has neither a database nor commands."""
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    """Variables whose values are secret, those that lead to servers among them."""
    files: Mapping[str, str]
    """Path in the container -> contents (secret), readable by the app alone."""
    servers: tuple[Server, ...]

    @property
    def processes(self) -> tuple[Process, ...]:
        """All that runs the app's image, migrations first."""
        return (*([self.migrate] if self.migrate else []), self.web, *self.workers, *self.schedules)

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """Every volume once, those of servers last."""
        own = [volume for process in self.processes for volume in process.volumes]
        return tuple(dict.fromkeys([*own, *(one.volume for one in self.servers if one.volume)]))
