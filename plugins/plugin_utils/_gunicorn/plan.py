# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""From the services of a host to what each step of the role gunicorn_systemd does, for all of them at once.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import problems, process, service

SERVICES = f"{service.ROLE}services"
NO_KEYS = ("services", "packages")
"""Variables of the role that are no key of a service."""


def plan(services: Any, variables: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what is to be done for the SERVICES; VARIABLES are the role's, by their full names.

    `problems` are sentences; only without any are there `users`, `files`, `environments` (files with secrets), `prune`
    and `instances`.
    """
    common = {
        key: value
        for name, value in variables.items()
        if (key := name.removeprefix(service.ROLE)) not in (*NO_KEYS, *service.OWN)
    }
    found = moved(variables) + entry_problems(services, common)
    if found:
        return {"problems": found, "users": [], "files": [], "environments": [], "instances": [], "prune": []}
    whole = [service.complete(entry, common) for entry in services]
    told = (text for number, one in enumerate(whole) for text in value_problems(services[number], one))
    found = list(dict.fromkeys(told))
    return {
        "problems": found,
        "users": [] if found else [service.user(one) for one in whole],
        "files": [] if found else [entry for one in whole for entry in service.files(one)],
        "environments": []
        if found
        else [entry for one in whole for entry in (service.environment(one), service.webhooks(one))],
        "instances": [] if found else [entry for one in whole if one["instance"] for entry in service.instances(one)],
        "prune": [] if found else [entry for one in whole for entry in service.prune(one)],
    }


def moved(variables: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each variable that has become a key of a service."""
    keys = ("app", *service.OWN)
    names = [name for name in sorted(variables) if name.removeprefix(service.ROLE) in keys]
    return [
        f"{name} is now a key of {SERVICES}: write `{SERVICES}: [{{name: shop, wsgi: 'shop:app', …}}]`, where "
        f"`{'name' if name.endswith('_app') else name.removeprefix(service.ROLE)}` takes its value."
        for name in names
    ]


def entry_problems(services: Any, common: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the list of SERVICES before any value is looked at."""
    if not isinstance(services, list) or not all(
        isinstance(entry, Mapping) and entry.get("name") for entry in services
    ):
        return [f"{SERVICES} must be a list of mappings, each with `name` and `wsgi`."]
    names = [str(entry["name"]) for entry in services]
    found = [
        f"{SERVICES} has the name '{name}' more than once: give each service its own."
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    known = {*service.OWN, *common}
    return found + [
        f"{SERVICES}, service '{entry['name']}': unknown key '{key}'."
        for entry in services
        for key in entry
        if key not in known
    ]


def value_problems(given: Mapping[str, Any], whole: service.Service) -> list[str]:
    """Return what is wrong with the values of a service, each with the place where it is set."""
    label = f"{SERVICES}, service '{given['name']}': "
    found = [*problems.problems(whole), *(f"{text}." for text in process.problems(whole["processes"]))]
    found += service.schedule_problems(whole)
    shared = {key for key in whole if key not in given and key not in service.OWN}
    return [f"{service.ROLE if text.split(' ', 1)[0] in shared else label}{text}" for text in found]
