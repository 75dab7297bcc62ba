# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""From an app of `slipway_apps` to what an engine of containers starts for it: the compiler beside `_target/documents.py`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import value_text
from ansible_collections.slipway.flask.plugins.plugin_utils._app import placeholders
from ansible_collections.slipway.flask.plugins.plugin_utils._connection import mysql, postgres, redis
from ansible_collections.slipway.flask.plugins.plugin_utils._render import servers as backing
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import (
    HOME,
    MIGRATE,
    RUN,
    STATE,
    Deployment,
    Front,
    Health,
    Process,
    Ready,
    Volume,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._render.times import times
from ansible_collections.slipway.flask.plugins.plugin_utils._service import mariadb

OWNER_VARIABLE = "SLIPWAY_OWNER_URL"
"""The variable by which `slipway-migrate` knows the database's owner, if it is another role than the app's."""
GRACE_SECONDS = 30
"""How long running requests get at a stop, at least: as on a host (_gunicorn/service.py)."""
KILL_SECONDS = 10
"""What a container gets beyond that until it is killed: the unit's too (TimeoutStopSec)."""


def deployment(
    app: Mapping[str, Any],
    image: str,
    *,
    release: str = "",
    replicas: int = 1,
    passwords: Mapping[str, str] | None = None,
) -> Deployment:
    """Return what is started for APP, which has all its keys and nothing that `refusals.problems` refuses.

    IMAGE is the reference of its image, RELEASE what tells its version from others, REPLICAS how many containers have its
    web process, PASSWORDS those of the servers beside it by name (`backing.names`).
    Raises times.Untranslatable for a schedule that only systemd can keep.
    """
    made = backing.servers(app, passwords or {})
    kept = _volumes(app)
    entries = app["processes"]
    return Deployment(
        name=app["name"],
        image=image,
        release=release,
        front=_front(app),
        web=_web(app, kept, replicas),
        workers=tuple(_worker(name, entry, kept) for name, entry in entries.items() if not entry["schedule"]),
        schedules=tuple(_schedule(name, entry, kept) for name, entry in entries.items() if entry["schedule"]),
        migrate=_migrate(app, kept),
        environment={name: in_image(value_text(value)) for name, value in app["environment"].items()},
        secrets={
            name: trusting(in_image(value_text(value)), app)
            for name, value in {**app["secrets"], **backing.variables(app, made)}.items()
        },
        files={
            **{f"{HOME}/files/{path.strip('/')}": in_image(text) for path, text in app["files"].items()},
            **{path: text for _, path, text in _authorities(app)},
        },
        servers=made,
    )


def in_image(text: str) -> str:
    """Return TEXT with the release's folder as the image has it."""
    return text.replace(placeholders.FOLDER, HOME)


def trusting(url: str, app: Mapping[str, Any]) -> str:
    """Return a server's URL with the file of its certificate authority where the container has it."""
    for there, here, _ in _authorities(app):
        url = url.replace(there, here)
    return url


def _authorities(app: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield each authority that a server's certificate must come from: its path on a host, in the container, and the file."""
    made = {"database_ca": mysql if mariadb.is_used(app) else postgres, "redis_ca": redis}
    for key, connection in made.items():
        if app[key]:
            path = connection.ca_path(app["name"])
            yield path, f"{HOME}/files/.{path.rpartition('/')[2]}", app[key]


def volume_name(text: str) -> str:
    """Return a folder's name or path as that of a volume."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50] or "folder"


def _volumes(app: Mapping[str, Any]) -> tuple[Volume, ...]:
    """Return the folders that all of the app's processes share."""
    names = [str(name).strip("/") for name in app["shared_folders"]]
    shared = [Volume(volume_name(name), f"{HOME}/shared/{name}", "shared_folders") for name in names]
    paths = [str(path).rstrip("/") for path in app["writable_paths"]]
    return (*shared, *(Volume(volume_name(path), path, "writable_paths") for path in paths))


def _web(app: Mapping[str, Any], kept: tuple[Volume, ...], replicas: int) -> Process:
    alone = app["handover"] == "stop_first"
    return Process(
        "web",
        "web",
        (),
        instances=1 if alone else replicas,
        overlap=not alone,
        stop_seconds=max(GRACE_SECONDS, app["timeout_seconds"]) + KILL_SECONDS,
        memory_mb=app["memory_max_mb"],
        workers=app["workers"],
        volumes=kept,
        health=Health(
            tuple(app["health_path"]),
            tuple(app["health_status"]),
            app["health_host"],
            app["health_timeout_seconds"],
            app["watch_seconds"],
        ),
    )


def _common(name: str, entry: Mapping[str, Any], kept: tuple[Volume, ...]) -> dict[str, Any]:
    own = Volume(volume_name(f"state-{name}"), STATE, "processes")
    return {
        "name": name,
        "command": (RUN, name),
        "environment": {key: in_image(value_text(value)) for key, value in entry["environment"].items()}
        | {"STATE_DIRECTORY": STATE},
        "memory_mb": int(entry["memory_max_mb"]),
        "nice": int(entry["nice"]),
        "stop_signal": entry["stop_signal"],
        "stop_seconds": int(entry["stop_seconds"]),
        "volumes": (*kept, own),
    }


def _worker(name: str, entry: Mapping[str, Any], kept: tuple[Volume, ...]) -> Process:
    asked = entry["ready"]["command"] if isinstance(entry["ready"], Mapping) else ""
    return Process(
        kind="worker",
        instances=int(entry["instances"]),
        overlap=entry["handover"] != "stop_first",
        ready=Ready(int(entry["ready_seconds"]), tuple(app_command.argv(app_command.split(asked))) if asked else ()),
        **_common(name, entry, kept),
    )


def _schedule(name: str, entry: Mapping[str, Any], kept: tuple[Volume, ...]) -> Process:
    return Process(
        kind="schedule",
        overlap=False,
        times=times(entry["schedule"]),
        timeout_seconds=int(entry["timeout_seconds"]),
        jitter_seconds=int(entry["jitter_seconds"]),
        catch_up=bool(entry["catch_up"]),
        **_common(name, entry, kept),
    )


def _migrate(app: Mapping[str, Any], kept: tuple[Volume, ...]) -> Process | None:
    """Return what runs the release commands. It imports the app once, alone, as each deploy to a host does: there are apps
    that make their tables when they are imported, and several containers at once would be in each other's way."""
    if not app["release_commands"] and not app["writes_at_import"] and app["database"] == "none":
        return None
    owner = trusting(backing.owner_url(app), app)
    return Process(
        "migrate",
        "migrate",
        (MIGRATE,),
        secrets={OWNER_VARIABLE: owner} if owner else {},
        overlap=False,
        volumes=kept,
    )


def _front(app: Mapping[str, Any]) -> Front:
    return Front(
        tuple(app["domains"]),
        tuple(app["redirect_domains"]),
        app["certificate"],
        app["body_size_mb"],
        app["timeout_seconds"],
        app["static"],
        (app["metrics_path"],) if app["metrics_path"] else (),
        tuple(app["streaming"]),
    )
