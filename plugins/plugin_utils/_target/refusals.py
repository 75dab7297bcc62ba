# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the roles would refuse in an otherwise valid description: checked before the first of them changes a host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import problems as gunicorn
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import site_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd

LEAST_MEMORY_MB = gunicorn.RANGES["worker_memory_mb"][0]


def problems(apps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one sentence for each value that a role would refuse; APPS must have passed `description.problems`."""
    return [
        f"slipway_apps, app '{app['name']}': {text}"
        for app in apps
        for text in _problems_of(description.normalise(app))
    ] + _shared_folders(apps)


def _problems_of(app: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"'{key}' has '{domain}', which is an address; TLS needs a host name (RFC 6066)"
        for key in ("domains", "redirect_domains")
        for domain in app[key]
        if domain.rpartition(".")[2].isdigit()
    )
    yield from (f"'wsgi'{text.removeprefix('wsgi')}" for text in gunicorn.wsgi_problems(app["wsgi"]))
    yield from _variables(app)
    yield from _static(app)
    if 0 < app["memory_max_mb"] < LEAST_MEMORY_MB:
        yield f"'memory_max_mb' is {app['memory_max_mb']}; it must be {LEAST_MEMORY_MB} or more, or 0 for no limit"
    for path in app["writable_paths"]:
        if not gunicorn.PATH.fullmatch(path):
            yield f"'{path}' in 'writable_paths' must have letters, digits and ._@:+- only, without spaces"
    for service in known.SERVICES:
        yield from service.refusals(app)


def _variables(app: Mapping[str, Any]) -> Iterator[str]:
    for place in ("environment", "secrets"):
        for name, value in app[place].items():
            if problem := gunicorn.variable_problem(str(name), value):
                yield f"'{name}' in '{place}': {problem.rstrip('.')}"


def _static(app: Mapping[str, Any]) -> Iterator[str]:
    for url, entry in app["static"].items():
        folder = entry["folder"]
        if not site_problems.URL_FOLDER.fullmatch(url):
            yield f"'{url}' in 'static' must look like /static/: no spaces, no part that begins with a dot"
        path = "/" + folder.strip("/")
        if not site_problems.PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            yield f"'{folder}', the folder of '{url}' in 'static', must have no spaces and no '.' or '..' parts"


def _shared_folders(apps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each writable folder that is, or lies in, one of another app: only one user can own it."""
    found = []
    places = [
        (str(app["name"]), path.rstrip("/") + "/")
        for app in apps
        for path in [*app.get("writable_paths", []), systemd.root(app), f"/etc/{app['name']}"]
    ]
    for app in apps:
        for path in app.get("writable_paths", []):
            for other, place in places:
                whole = path.rstrip("/") + "/"
                if other != app["name"] and (whole.startswith(place) or place.startswith(whole)):
                    found.append(
                        f"slipway_apps, app '{app['name']}': '{path}' in 'writable_paths' is also a folder of the app "
                        f"'{other}' ({place.rstrip('/')}), and only one user can own it; give each app one of its own"
                    )
    return found
