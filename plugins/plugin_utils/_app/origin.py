# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where a deploy with `-e revision_of=…` takes its release from: a group of the inventory, one of its hosts, or another app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app.choice import ChoiceError
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

HEAD = "revision_of is"


def places(
    of: str, app: str, groups: Mapping[str, Sequence[str]], variables: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return each `host` and `app` there whose release is promoted to APP. VARIABLES are those of the hosts in GROUPS.

    OF is a group or a host, where APP has the same name, or another app on any host. Raises ChoiceError.
    """
    known = list(groups.get("all") or [host for hosts in groups.values() for host in hosts])
    apps = {host: _names(variables[host].get("slipway_apps")) for host in known}
    others = [host for host in known if of in apps[host]]
    hosts = list(groups[of]) if of in groups else [of] if of in known else []
    if hosts and others:
        what = "a group" if of in groups else "a host"
        raise ChoiceError(f"{HEAD} '{of}', which is {what} of the inventory and an app as well; rename one of them")
    if others:
        return [{"host": host, "app": of} for host in others]
    if not hosts:
        names = sorted(
            {*groups, *known, *(name for several in apps.values() for name in several)} - {"all", "ungrouped"}
        )
        raise ChoiceError(
            f"{HEAD} '{of}', but the inventory has no group, host or app of that name{nearest(of, names)}. If it is in another "
            "inventory, name both: -i inventory/staging -i inventory/production"
        )
    having = [host for host in hosts if app in apps[host]]
    if not having:
        there = sorted({name for host in hosts for name in apps[host]})
        raise ChoiceError(
            f"{HEAD} '{of}', whose hosts have no app '{app}' (they have {', '.join(there) or 'none'}); an app of another name "
            "is promoted by its name"
        )
    return [{"host": host, "app": app} for host in having]


def problems(
    of: str, version: str, apps: Sequence[Mapping[str, Any]], only: str, found: Sequence[Mapping[str, str]], host: str
) -> list[str]:
    """Return what is wrong with promoting from the places FOUND to the app ONLY of APPS on HOST."""
    if version:
        return [f"{HEAD} '{of}' and version is '{version}'; give one of them"]
    if not only and len(apps) > 1:
        names = " or ".join(str(app["name"]) for app in apps)
        return [f"{HEAD} '{of}', but there are {len(apps)} apps; say of which: -e app={names}"]
    if {"host": host, "app": only or str(apps[0]["name"])} in found:
        return [f"{HEAD} '{of}', which has the app on this very host: nothing can be promoted to itself; see --limit"]
    return []


def _names(apps: Any) -> list[str]:
    return [str(app["name"]) for app in apps or [] if isinstance(app, Mapping) and "name" in app]
