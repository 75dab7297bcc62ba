# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app for Compose: `docker compose up` (or podman-compose) on one machine serves what a host serves.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._render import certificate, container, front
from ansible_collections.slipway.flask.plugins.plugin_utils._render.given import Given
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import PORT, Deployment, Process
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import SECRETS, File
from ansible_collections.slipway.flask.plugins.plugin_utils._render.schedule import program

LOCAL = "localhost"
"""A laptop's own name: the site answers to it as well."""
HEALTHY, DONE = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}
NOT_MORE = "no-new-privileges:true"


def site(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of the role nginx_tls for APP."""
    return front.site(app, f"web:{PORT}", [LOCAL])


def render(made: Deployment, given: Given) -> list[File]:
    """Return the files of the app for Compose."""
    texts = secret_texts(made, given, [LOCAL])
    nginx_files, access = front.files(given.front, made.name)
    named = {f"access-{number}": path for number, path in enumerate(sorted(access), 1)}
    texts |= {name: access[path] for name, path in named.items()}
    text = written(container.escaped(document(made, given, named, list(texts))))
    return [
        File("compose.yaml", HEAD.replace("@START@", start(made)) + text),
        *nginx_files,
        *([File("schedule.py", program())] if made.schedules else []),
        *(File(f"{SECRETS}/{name}", value) for name, value in texts.items()),
        File(".gitignore", f"/{SECRETS}/\n"),
    ]


PORTS = ("HTTP_PORT-80", "HTTPS_PORT-443")
"""Placeholders of ports that a person chooses when it starts; no dollar, or that would be doubled like all others."""


def written(document: Mapping[str, Any]) -> str:
    """Return DOCUMENT as YAML, its placeholders as Compose knows them."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    for name in PORTS:
        variable, _, port = name.partition("-")
        text = text.replace(name, f'"${{{variable}:-{port}}}:{port}"')
    return text


HEAD = """\
# Written by Slipway from the app's description: the next run overwrites what is changed here.
# Start it with `@START@`.
# HTTP_PORT and HTTPS_PORT are where it listens.
"""


def start(made: Deployment) -> str:
    """Return the command that starts the containers, or a new version of them.

    `up` alone replaces the containers of the version before, and runs the migrations then: if they failed, nothing would serve.
    """
    up = "docker compose up --detach --wait"
    return f"docker compose run --rm migrate && {up}" if made.migrate else up


def secret_texts(made: Deployment, given: Given, more_domains: list[str]) -> dict[str, str]:
    """Return the contents of all secrets by name but those that grant access: variables, files, servers', certificate."""
    own = {name: value for process in made.processes for name, value in process.secrets.items()}
    texts = {**made.secrets, **own}
    texts |= {name: text for name, (_, text) in container.file_secrets(made).items()}
    for server in made.servers:
        texts[server.name] = server.password  # where the next run finds it
        if server.kind == "postgres":
            prepared = {"postgres-prepare": container.prepare(server)}
            texts |= {container.ADMIN: given.kept.get(container.ADMIN), **prepared}
        else:
            texts[container.settings_of(server)] = container.redis_settings(server)
    domains = [*made.front.domains, *made.front.redirect_domains, *more_domains]
    pair = given.certificate or certificate.self_signed(domains)
    return texts | {name: pair[name] if given.certificate else given.kept.text(name, pair[name]) for name in pair}


def document(made: Deployment, given: Given, access: Mapping[str, str], secrets: list[str]) -> dict[str, Any]:
    """Return compose.yaml; ACCESS are nginx's secret files, SECRETS the names of all secrets."""
    services: dict[str, Any] = {}
    for server in made.servers:
        services[server.name] = {
            **container.server(server, given.images[server.kind]),
            "restart": "unless-stopped",
            "security_opt": [NOT_MORE],
            "networks": ["data"],
        }
    for one in made.processes:
        services[one.name] = _process(one, made)
    services["nginx"] = {
        **container.nginx(given.images["nginx"], made.name, access),
        "restart": "unless-stopped",
        "security_opt": [NOT_MORE],
        "volumes": ["./nginx:/etc/slipway:ro"],
        "ports": list(PORTS),
        "depends_on": {"web": HEALTHY},
    }
    networks: dict[str, Any] = {"default": {}}
    if made.servers:
        networks["data"] = {"internal": True}  # servers need nothing from outside
    needed = container.used(services, "secrets")
    return {
        "name": made.name,
        "services": services,
        "secrets": {name: {"file": f"./{SECRETS}/{name}"} for name in secrets if name in needed},
        "volumes": {volume.name: {} for volume in made.volumes},
        "networks": networks,
    }


def _process(one: Process, made: Deployment) -> dict[str, Any]:
    found = container.process(one, made)
    found |= {"restart": "unless-stopped", "security_opt": [NOT_MORE]}
    if made.servers:
        found["networks"] = ["default", "data"]
    needed: dict[str, Any] = {server.name: HEALTHY for server in made.servers}
    if one.kind == "migrate":
        found["restart"] = "no"
    elif made.migrate:
        needed["migrate"] = DONE
    if needed:
        found["depends_on"] = needed
    if one.times:
        found["volumes"] = [*found.get("volumes", []), f"./schedule.py:{container.SCHEDULE}:ro"]
    if one.instances > 1 or one.memory_mb:
        found["deploy"] = {
            **({"replicas": one.instances} if one.instances > 1 else {}),
            **({"resources": {"limits": {"memory": f"{one.memory_mb}M"}}} if one.memory_mb else {}),
        }
    return found
