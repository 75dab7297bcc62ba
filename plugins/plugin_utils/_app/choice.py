# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which of the described apps a playbook is about: all of them, or the one that `-e app=NAME` names.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import database
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest


class ChoiceError(ValueError):
    """No app can be chosen; the message is for the user."""

    @property
    def result(self) -> dict[str, Any]:
        """What a task that was asked for it ends with."""
        return {"failed": True, "msg": str(self)}


class NotHere(ChoiceError):
    """Only other hosts have the app."""

    @property
    def result(self) -> dict[str, Any]:
        return {"skipped": True, "skip_reason": str(self)}


def problems(
    apps: Iterable[Mapping[str, Any]], name: str, elsewhere: Iterable[str] = (), one: bool = False
) -> list[str]:
    """Return what is wrong with asking for the app called NAME; "" asks for all of APPS, which ONE allows for a single one."""
    here, others = [str(app["name"]) for app in apps], set(elsewhere)
    if not name and one and len(here) > 1:
        return [f"choose one app with -e app=NAME; the apps are: {', '.join(here)}"]
    if not name or name in here or name in others:
        return []
    names = sorted(others.union(here))
    return [f"there is no app '{name}'{nearest(name, names)}; the apps are: {', '.join(names)}"]


def choose(apps: Any, name: str, elsewhere: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return the whole descriptions of the apps that are meant: all, or the one called NAME.

    The list is empty when only other hosts, whose apps' names are ELSEWHERE, have it.
    Raises ChoiceError for a wrong description and for a name that nobody has.
    """
    found = description.problems(apps)
    if found:
        raise ChoiceError("\n".join(["The app descriptions are not valid:", *(f"  - {text}" for text in found)]))
    if wrong := problems(apps, name, elsewhere):
        raise ChoiceError(wrong[0])
    return [description.normalise(app) for app in apps if name in ("", app["name"])]


def choose_one(apps: Any, name: str, elsewhere: Iterable[str] = ()) -> dict[str, Any] | None:
    """Return the one app that is meant, None when only other hosts have it. Raises ChoiceError when that isn't clear."""
    chosen = choose(apps, name, elsewhere)
    if wrong := problems(apps, name, elsewhere, one=True):
        raise ChoiceError(wrong[0])
    return chosen[0] if chosen else None


def meant(arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the whole descriptions of the apps that a task's ARGUMENTS `apps` and `app` mean on its host.

    Raises ChoiceError, whose `result` is how the task ends then.
    """
    name = str(arguments.get("app") or "")
    apps = choose(arguments.get("apps"), name, everywhere(task_vars))
    if not apps:
        raise NotHere(f"{task_vars.get('inventory_hostname')} has no app '{name}'")
    return [here(app, task_vars) for app in apps]


def here(app: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Return APP, a whole description, as the task's host reaches its database, which may be on another host."""
    return database.placed(
        app, str(task_vars.get("inventory_hostname")), task_vars.get("groups") or {}, task_vars.get("hostvars") or {}
    )


def everywhere(task_vars: Mapping[str, Any]) -> list[str]:
    """Return the names of the apps of all hosts in the play."""
    return [name for names in play_apps(task_vars).values() for name in names]


def play_apps(task_vars: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the apps of each host in the play, as far as hosts describe any."""
    found = {}
    for host in task_vars.get("ansible_play_hosts_all") or []:
        apps = task_vars["hostvars"][host].get("slipway_apps") or []
        found[str(host)] = [str(app["name"]) for app in apps if isinstance(app, Mapping) and "name" in app]
    return found


def first_host(app: str, host: str, task_vars: Mapping[str, Any]) -> str:
    """Return the first host of the play that has APP, HOST when none describes it."""
    return next((name for name, apps in play_apps(task_vars).items() if app in apps), host)
