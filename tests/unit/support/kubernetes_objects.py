# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The folder that is rendered for Kubernetes, as objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._render import description, kubernetes, refusals
from ansible_collections.slipway.flask.plugins.plugin_utils._render.given import Given
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import Kept
from app_descriptions import APP, shop
from foreign_apps import apps, followed, sample

Object = dict[str, Any]
IMAGE = "registry.example.com:5000/shop:7"
SERVERS = {"database": "url", "database_url": "postgresql://u:x@db.example.com/shop"}
SAMPLE = {
    "metrics_path": "/metrics",
    "shared_folders": ["instance/uploads"],
    "files": {"instance/config.py": "A = 1\n"},
    "redis": "url",
    "redis_url": "rediss://redis.example.com:6379/0",
    "processes": {
        "worker": {"command": "flask worker", "instances": 2, "memory_max_mb": 128},
        "mail": {"command": "flask mail", "handover": "stop_first", "ready": {"command": "flask ping"}},
        "summary": {"command": "flask summary", "schedule": "*-*-* 00:05 Europe/Berlin"},
    },
}
"""Changes that make an app of the usual description which has some of everything."""
DEPLOYED: dict[str, dict[str, Any]] = {
    one["name"]: {
        **dict.fromkeys((*APP, *SERVERS), ...),
        **followed(one, refusals.problems(app_description.normalise(one), "kubernetes")),
    }
    for one in (sample(), *apps(Path("/sources"))["slipway_apps"])
}
"""The sample app and other people's, as changes of the usual description."""


def rendered(
    settings: Mapping[str, Any] | None = None, certificate: Mapping[str, str] | None = None, **changes: Any
) -> dict[str, str]:
    """Return path -> text for the usual app with CHANGES and a cluster's SETTINGS, secrets included.

    CERTIFICATE is one that the app provides, as given.Given has it.
    """
    app = app_description.normalise(shop(**{**SERVERS, **changes}))
    made = description.deployment(app, IMAGE, release="7", replicas=2)
    kept = Kept(Path("/nowhere"), {"salt": "s"})
    given = Given(
        "kubernetes", Path("/nowhere"), IMAGE, 2, {}, kept, certificate=certificate or {}, options=settings or {}
    )
    return {file.path: file.text for file in kubernetes.render(made, given)}


def folder(settings: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, str]:
    """Return what of it is to be seen by everybody."""
    return {path: text for path, text in rendered(settings, **changes).items() if not path.startswith("secrets/")}


def objects(files: Mapping[str, str]) -> list[Object]:
    """Return every object of FILES; what Kustomize reads itself is none of a cluster's."""
    texts: Iterable[str] = (text for path, text in files.items() if path.endswith(".yaml"))
    found = [one for text in texts for one in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))]
    return [one for one in found if one["kind"] != "Kustomization"]


def one(kind: str, name: str, settings: Mapping[str, Any] | None = None, **changes: Any) -> Object:
    """Return the object of that KIND and NAME."""
    found = [each for each in objects(folder(settings, **changes)) if each["kind"] == kind]
    (chosen,) = (each for each in found if each["metadata"]["name"] == name)
    return chosen


def pod(kind: str, name: str, settings: Mapping[str, Any] | None = None, **changes: Any) -> Object:
    """Return the spec of its pods."""
    spec = one(kind, name, settings, **changes)["spec"]
    found: Object = (spec["jobTemplate"]["spec"] if kind == "CronJob" else spec)["template"]["spec"]
    return found
