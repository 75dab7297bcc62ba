# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A service as both Compose and a stack of Docker Swarm write it: what each of its containers is and may.

After the Compose Specification (https://github.com/compose-spec/compose-spec), as far as `docker stack deploy` knows it too.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import front
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import (
    HEALTH,
    RUN,
    SECRETS,
    WRITABLE,
    Deployment,
    Process,
    Server,
)

Service = dict[str, Any]
SCHEDULE = "/etc/slipway/schedule.py"
"""Where a container of a schedule has the program that keeps its times."""
ADMIN = "postgres-admin"
"""The secret with the password of PostgreSQL's superuser, which no app has."""
PREPARE = "/docker-entrypoint-initdb.d/10-app.sh"
REDIS_QUEUE_MB, REDIS_CACHE_MB = 256, 128
"""What a Redis may use when nobody says: there is no host whose memory it could take a part of."""


def file_secrets(made: Deployment) -> dict[str, tuple[str, str]]:
    """Return the app's files as secrets: name -> path in the container, contents."""
    return {f"file-{number}": (path, text) for number, (path, text) in enumerate(sorted(made.files.items()), 1)}


def secrets(process: Process, made: Deployment) -> list[Any]:
    """Return the secrets of PROCESS as a service lists them; each is a file below SECRETS, or at the path it is for."""
    named = [*made.secrets, *process.secrets]
    return [*named, *({"source": name, "target": path} for name, (path, _) in file_secrets(made).items())]


def process(process: Process, made: Deployment) -> Service:
    """Return the service of PROCESS of the app."""
    variables = {
        # Nobody but the nginx in front can reach it.
        **({"FORWARDED_ALLOW_IPS": "*"} if process.kind == "web" else {}),
        **made.environment,
        **process.environment,
        **{f"{name}_FILE": f"{SECRETS}/{name}" for name in (*made.secrets, *process.secrets)},
    }
    found: Service = {
        "image": made.image,
        "environment": dict(sorted(variables.items())),
        "secrets": secrets(process, made),
        "read_only": True,
        "tmpfs": list(WRITABLE),
        "cap_drop": ["ALL"],
        "stop_signal": process.stop_signal,
        "stop_grace_period": f"{process.stop_seconds}s",
    }
    if words := command(process):
        found["command"] = words
    if process.volumes:
        found["volumes"] = [f"{volume.name}:{volume.path}" for volume in process.volumes]
    found["healthcheck"] = health(process)
    return found


def command(process: Process) -> list[str]:
    """Return the arguments of the image's entry, [] for its default."""
    words = list(process.command)
    if process.times:
        cron = process.times.cron_of_both()
        words = [
            *("python", SCHEDULE, "--cron", cron, "--zone", process.times.zone),
            *("--timeout", str(process.timeout_seconds), "--stop", str(process.stop_seconds)),
            *("--signal", process.stop_signal, "--jitter", str(process.jitter_seconds)),
            *(["--catch-up"] if process.catch_up else []),
            *("--", *words),
        ]
    return ["nice", "-n", str(process.nice), *words] if process.nice and words else words


def health(process: Process) -> dict[str, Any]:
    """Return the health check of PROCESS; one without counts as ready while it runs: the image's own is of the web process."""
    if process.health:
        return check(["CMD", HEALTH], process.health.start_seconds)
    if process.ready and process.ready.command:
        return check(["CMD", RUN, "--", *process.ready.command], process.ready.seconds)
    return {"disable": True}


def check(test: Sequence[str], start_seconds: int, seconds: int = 3) -> dict[str, Any]:
    """Return a health check: failures count after START_SECONDS only, success at once."""
    return {
        "test": list(test),
        "interval": f"{seconds}s",
        "timeout": "10s",
        "retries": 3,
        "start_period": f"{start_seconds}s",
    }


def server(one: Server, image: str) -> Service:
    """Return the service of a server beside the app."""
    return _postgres(one, image) if one.kind == "postgres" else _redis(one, image)


def _postgres(one: Server, image: str) -> Service:
    if one.volume is None:
        raise AssertionError("a server with data has a volume")
    return {
        "image": image,
        "environment": {
            "PGDATA": f"{one.volume.path}/pgdata",
            "POSTGRES_PASSWORD_FILE": f"{SECRETS}/{ADMIN}",
            "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums --encoding=UTF8",
        },
        "secrets": [ADMIN, one.name, {"source": "postgres-prepare", "target": PREPARE}],
        "volumes": [f"{one.volume.name}:{one.volume.path}"],
        "stop_grace_period": "60s",
        # Over TCP: while it prepares its data, the server listens on its socket only.
        "healthcheck": check(["CMD", "pg_isready", "-h", "127.0.0.1", "-d", one.settings["database"]], 120),
    }


def prepare(one: Server) -> str:
    """Return the script that the official image of PostgreSQL runs once, when it has made an empty cluster."""
    user, database = one.settings["user"], one.settings["database"]
    extensions = "".join(f'CREATE EXTENSION IF NOT EXISTS "{name}";\n' for name in one.settings["extensions"])
    # In a subshell, for the image's entry point may read the script into itself.
    return f"""#!/bin/sh
# The app's role and database, once, in a new cluster; written by Slipway.
(
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres --set=password="$(cat {SECRETS}/{one.name})" <<'SQL'
CREATE ROLE "{user}" LOGIN PASSWORD :'password';
CREATE DATABASE "{database}" OWNER "{user}";
\\connect "{database}"
{extensions}SQL
)
"""


def _redis(one: Server, image: str) -> Service:
    conf = f"{SECRETS}/{settings_of(one)}"
    asked = f"REDISCLI_AUTH=$(sed -n 's/^requirepass //p' {conf}) redis-cli ping | grep -q PONG"
    found: Service = {
        "image": image,
        "command": ["redis-server", conf],
        "secrets": [settings_of(one)],
        "stop_grace_period": "60s",
        "healthcheck": check(["CMD-SHELL", asked], 60),
    }
    if one.volume:
        found["volumes"] = [f"{one.volume.name}:{one.volume.path}"]
    return found


def settings_of(one: Server) -> str:
    """Return the name of the secret with redis.conf, which has the password in it; the one called like the server is that alone."""
    return f"{one.name}-conf"


def redis_settings(one: Server) -> str:
    """Return redis.conf for a server: a queue keeps all that it is given, a cache forgets what was not used for long."""
    queue = one.settings["purpose"] == "queue"
    lines = [
        f"requirepass {one.password}",
        f"maxmemory {one.memory_mb or (REDIS_QUEUE_MB if queue else REDIS_CACHE_MB)}mb",
        f"maxmemory-policy {'noeviction' if queue else 'allkeys-lru'}",
        f"appendonly {'yes' if queue else 'no'}",
        'save ""',
    ]
    if queue:
        lines += [f"appendfsync {one.settings['appendfsync']}", f"dir {one.volume.path if one.volume else '/data'}"]
    return "\n".join(lines) + "\n"


def nginx(image: str, name: str, access: Mapping[str, str]) -> Service:
    """Return the service of the web server for the app called NAME; ACCESS are its secret files by path, by secret."""
    return {
        "image": image,
        "command": ["sh", f"{front.HOME}/start.sh"],
        "secrets": [
            {"source": "tls-certificate", "target": f"{front.CERTIFICATES}/{name}/certificate.pem"},
            {"source": "tls-key", "target": f"{front.CERTIFICATES}/{name}/key.pem"},
            *({"source": secret, "target": path} for secret, path in access.items()),
        ],
        "read_only": True,
        "tmpfs": [front.RUN, "/tmp", "/var/cache/nginx", "/var/lib/nginx", "/var/log/nginx"],
        "cap_drop": ["ALL"],
        # Its workers are another user, and port 443 is root's.
        "cap_add": ["CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE", "SETGID", "SETUID"],
        "stop_signal": "SIGQUIT",
        "stop_grace_period": "60s",
        "healthcheck": check(["CMD-SHELL", f"kill -0 $(cat {front.PID})"], 30),
    }


def used(services: Mapping[str, Any], what: str) -> set[str]:
    """Return the names of those `secrets` or `configs` (WHAT) that SERVICES have."""
    entries = [entry for one in services.values() for entry in one.get(what, [])]
    return {entry if isinstance(entry, str) else entry["source"] for entry in entries}


def escaped(value: Any) -> Any:
    """Return VALUE with each dollar doubled: Compose and `docker stack` put variables in place of single ones."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: escaped(one) for key, one in value.items()}
    return [escaped(one) for one in value] if isinstance(value, list) else value
