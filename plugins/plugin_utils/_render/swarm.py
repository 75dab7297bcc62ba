# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app for Docker Swarm: a stack whose services start new tasks first, go back by themselves, and roll when a secret changes.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import compose, container, front, swarm_script
from ansible_collections.slipway.flask.plugins.plugin_utils._render.given import Given
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import PORT, Deployment, Process, Server
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import SECRETS, File
from ansible_collections.slipway.flask.plugins.plugin_utils._render.schedule import program

VERSION = "3.9"
"""Of the Compose file format: the newest that `docker stack deploy` of every supported Docker knows."""
MONITOR_SECONDS = 5
"""How long a new task is watched at least: what dies later is restarted, but takes no update back."""
CONFIGS = ("nginx.conf", "start.sh")
"""What nginx is configured with, beside its secrets."""
NAME = 50
"""Characters that the names of the app and of a secret or config have together at most: Swarm takes 64 in all."""


def site(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of the role nginx_tls for APP."""
    return front.site(app, f"web:{PORT}")


def render(made: Deployment, given: Given) -> list[File]:
    """Return the files of the app for Docker Swarm."""
    key = given.kept.get("name-key")
    texts = compose.secret_texts(made, given, [])
    nginx_files, access = front.files(given.front, made.name)
    named = {f"access-{number}": path for number, path in enumerate(sorted(access), 1)}
    texts |= {name: access[path] for name, path in named.items()}
    settings = [*nginx_files, *([File("schedule.py", program())] if made.schedules else [])]
    secrets = {name: _kept(made, name, text, f"./{SECRETS}/{name}", key) for name, text in texts.items()}
    configs = {
        one.path.rpartition("/")[2]: _kept(made, one.path.rpartition("/")[2], one.text, f"./{one.path}", key)
        for one in settings
    }
    groups = {
        "servers.yaml": {one.name: _server(one, made, given) for one in made.servers},
        "migrate.yaml": {made.migrate.name: _process(made.migrate, made)} if made.migrate else {},
        "stack.yaml": {one.name: _process(one, made) for one in made.processes if one is not made.migrate}
        | {"nginx": _nginx(made, given, named)},
    }
    stack = mark(repr((groups["stack.yaml"], secrets, configs)), key)
    for service in groups["stack.yaml"].values():
        service["deploy"]["labels"] = {swarm_script.LABEL: stack, "slipway.release": made.release}
    files = [
        File(path, compose.written(container.escaped(_document(services, secrets, configs))))
        for path, services in groups.items()
        if services
    ]
    script = swarm_script.script(
        made.name, made.release, stack, list(groups["stack.yaml"]), list(groups["servers.yaml"]), label(made)
    )
    return [
        *files,
        File("deploy.sh", script, 0o755),
        *settings,
        *(File(f"{SECRETS}/{name}", text) for name, text in {**texts, "name-key": key}.items()),
        File(".gitignore", f"/{SECRETS}/\n"),
    ]


def _document(services: Mapping[str, Any], secrets: Mapping[str, Any], configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stack of SERVICES with those of SECRETS and CONFIGS that they use."""
    mounted = [entry for one in services.values() for entry in one.get("volumes", []) if isinstance(entry, str)]
    volumes: dict[str, Any] = {entry.partition(":")[0]: {} for entry in mounted}
    return {
        "version": VERSION,
        "services": dict(services),
        "networks": {"default": {"driver": "overlay", "attachable": True}},
        "volumes": volumes,
        "secrets": {name: entry for name, entry in secrets.items() if name in container.used(services, "secrets")},
        "configs": {name: entry for name, entry in configs.items() if name in container.used(services, "configs")},
    }


def _kept(made: Deployment, name: str, text: str, file: str, key: str) -> dict[str, str]:
    """Return a secret or config, which a swarm never changes: another TEXT has another name, of 64 characters at most."""
    return {"name": f"{made.name}_{name[: NAME - len(made.name)]}_{mark(text, key)}", "file": file}


def mark(text: str, key: str) -> str:
    """Return what the name of a secret or config with that TEXT ends with: another one when it changes.

    With a KEY of the folder's own, or whoever reads the stack, in a repository for example, could try out passwords.
    """
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:10]


def label(made: Deployment) -> str:
    """Return the label of the node that keeps the data of the servers beside the app."""
    return f"{made.name}.data"


def _server(server: Server, made: Deployment, given: Given) -> dict[str, Any]:
    service = container.server(server, given.images[server.kind])
    return service | {
        "deploy": {
            "endpoint_mode": "dnsrr",
            # Its data is on one node, and two of it never run at once.
            "placement": {"constraints": [f"node.labels.{label(made)} == true"]},
            "update_config": {"order": "stop-first", "failure_action": "rollback", "monitor": "10s"},
            "rollback_config": {"order": "stop-first"},
            "restart_policy": {"condition": "any", "delay": "2s"},
        }
    }


def _nginx(made: Deployment, given: Given, access: Mapping[str, str]) -> dict[str, Any]:
    # Two of it can't have the same port of a node.
    update = {"order": "stop-first", "parallelism": 1, "failure_action": "rollback", "monitor": "10s", "delay": "5s"}
    return {
        **_in_memory(container.nginx(given.images["nginx"], made.name, access)),
        "configs": [{"source": source, "target": f"{front.HOME}/{source}"} for source in CONFIGS],
        # In mode host, nginx sees who the client is; through the routing mesh it would not.
        "ports": [{"target": port, "published": port, "protocol": "tcp", "mode": "host"} for port in (80, 443)],
        "deploy": {
            "mode": "global",
            "endpoint_mode": "dnsrr",
            "update_config": update,
            "rollback_config": {"order": "stop-first", "parallelism": 1},
            "restart_policy": {"condition": "any", "delay": "1s"},
        },
    }


def _process(one: Process, made: Deployment) -> dict[str, Any]:
    found = _in_memory(container.process(one, made))
    if one.times:
        found["configs"] = [{"source": "schedule.py", "target": container.SCHEDULE}]
    order = "start-first" if one.overlap else "stop-first"
    seconds = max(MONITOR_SECONDS, one.ready.seconds if one.ready else 0)
    deploy: dict[str, Any] = {
        "endpoint_mode": "dnsrr",
        "replicas": one.instances,
        "update_config": {
            "order": order, "parallelism": 1, "delay": "0s", "failure_action": "rollback", "monitor": f"{seconds}s",
            "max_failure_ratio": 0,
        },
        "rollback_config": {"order": order, "parallelism": 1, "delay": "0s", "monitor": "1s"},
        "restart_policy": {"condition": "any", "delay": "2s"},
    }  # fmt: skip
    if one.kind == "migrate":
        del deploy["update_config"], deploy["rollback_config"]
        deploy |= {"mode": "replicated-job", "restart_policy": {"condition": "none"}}
    if one.memory_mb:
        deploy["resources"] = {"limits": {"memory": f"{one.memory_mb}M"}}
    return found | {"deploy": deploy}


def _in_memory(service: container.Service) -> container.Service:
    """Return SERVICE with its folders in memory as mounts: `docker stack deploy` passes over `tmpfs` without a word."""
    found = dict(service)
    folders = [{"type": "tmpfs", "target": path} for path in found.pop("tmpfs")]
    return found | {"volumes": [*found.get("volumes", []), *folders]}
