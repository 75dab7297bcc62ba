# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The description of an app (an entry of `slipway_apps`): its keys, their defaults, and what is wrong with one.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import (
    audit,
    checks,
    procfile,
    stage,
    static,
    tracing,
    unknown,
)
from ansible_collections.slipway.flask.plugins.plugin_utils._app import domains as app_domains
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS, RANGES, REQUIRED
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description


def problems(apps: Any) -> list[str]:
    """Return what is wrong with the list of app descriptions, one sentence each; empty when nothing is."""
    if not isinstance(apps, list) or not apps:
        return ["slipway_apps must be a list with at least one app: see group_vars/all/main.yml"]
    found: list[str] = []
    for number, app in enumerate(apps, 1):
        if not isinstance(app, Mapping):
            found.append(f"slipway_apps, entry {number}: must be a mapping with name, domains, source and wsgi")
            continue
        label = f"slipway_apps, app '{app.get('name', f'number {number}')}'"
        found += [f"{label}: {problem}" for problem in app_problems(app)]
    whole = [app for app in apps if isinstance(app, Mapping)]
    found += duplicates("name", [str(app["name"]) for app in whole if "name" in app])
    keys = ("domains", "redirect_domains")
    lists = [app[key] for app in whole for key in keys if isinstance(app.get(key), list)]
    named = [app_domains.same(domain) for domains in lists for domain in domains if isinstance(domain, str)]
    found += duplicates("domain", named)
    return found or shared_accounts([normalise(app) for app in whole])


def shared_accounts(apps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one sentence for each of APPS, which have all their keys, that would run as the user of another one's service."""
    owners = {account: str(app["name"]) for app in apps for account in known.accounts(app)}
    return [
        f"slipway_apps, app '{app['name']}': the Redis of '{owners[app['name']]}' runs as a user of that name, and each "
        "could read the other's data; choose another name"
        for app in apps if app["name"] in owners
    ]  # fmt: skip


def duplicates(what: str, values: Sequence[str]) -> list[str]:
    """Return one sentence for each value that stands more than once."""
    twice = sorted({value for value in values if values.count(value) > 1})
    return [
        f"slipway_apps: the {what} '{value}' is listed {values.count(value)} times; list it once" for value in twice
    ]


def app_problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with one app's description."""
    found = [f"unknown key '{key}'{nearest(key, KEYS)}" for key in app if key not in KEYS]
    found += [
        f"'{name}' is missing. {key.text}" for name, key in KEYS.items() if key.default is REQUIRED and name not in app
    ]
    todo = list(unknown.problems(app))
    found += [sentence for _, sentence in todo]
    # Nothing else is said about a key that waits for its value.
    waiting = {key for key, _ in todo} - set(unknown.ANY_TEXT) - set(unknown.SECRET)
    typed = {}
    for name, value in app.items():
        key = KEYS.get(name)
        if key is None or name in waiting:
            continue
        if name in ("audit", "migrations") and value is False:  # YAML reads a bare `off` so
            value = "off"
        if not isinstance(value, key.kind) or (isinstance(value, bool) and key.kind in (int, (int, list))):
            found.append(f"'{name}' must be {type_name(key.kind)}, not {type_name(type(value))}. {key.text}")
        elif key.choices and value not in key.choices:
            found.append(
                f"'{name}' is '{value}'; it must be one of {', '.join(key.choices)}{nearest(value, key.choices)}"
            )
        elif out_of_range(name, value):
            found.append(f"'{name}' is {value}; it must be from {RANGES[name][0]} to {RANGES[name][1]}. {key.text}")
        else:
            typed[name] = value
    return found + checks.problems(typed)


def out_of_range(name: str, value: Any) -> bool:
    """Tell whether a number is outside of its key's range; keys without one take any."""
    if name not in RANGES or isinstance(value, list):
        return False
    low, high = RANGES[name]
    return not low <= value <= high


def type_name(kind: type | tuple[type, ...]) -> str:
    """Return the word a user knows for a type, or for several."""
    if isinstance(kind, tuple):
        return " or ".join(map(type_name, kind))
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number with a point",
        str: "text",
        list: "a list",
        dict: "a mapping",
        type(None): "nothing",
    }
    # Ansible's own values are subclasses of these.
    return next((name for known, name in names.items() if issubclass(kind, known)), kind.__name__)


def normalise(app: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid description with every default filled in and every command as a mapping."""
    usual = {"release_commands": known.release_commands(app)}
    whole = {name: app.get(name, usual.get(name, key.default)) for name, key in KEYS.items()}
    whole["migrations"] = whole["migrations"] or "off"  # YAML reads a bare `off` as false
    whole["audit"] = audit.whole(whole["audit"])
    for key in ("domains", "redirect_domains"):
        whole[key] = [app_domains.in_ascii(domain) for domain in whole[key]]
    whole["static"] = static.entries(whole["static"])
    whole["source"] = description.KEYS | dict(whole["source"])
    whole["health_host"] = whole["health_host"] or whole["domains"][0]
    for key in ("health_path", "health_status"):
        whole[key] = list(checks.several(whole[key]))
    whole["environment"] = {**stage.settings(whole), **tracing.settings(whole), **whole["environment"]}
    whole["secrets"] = {**tracing.secrets(whole), **whole["secrets"]}
    whole["release_commands"] = [
        {"once": False, **({"command": entry} if isinstance(entry, str) else entry)}
        for entry in whole["release_commands"]
    ]
    for key in ("build_commands", "setup_commands"):
        whole[key] = [{"command": entry if isinstance(entry, str) else entry["command"]} for entry in whole[key]]
    listed = {} if procfile.asked(whole) else whole["processes"]  # whoever needs them has read the Procfile before
    whole["processes"] = {str(name): process.complete(entry) for name, entry in listed.items()}
    return whole
