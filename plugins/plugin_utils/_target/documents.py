# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The compiler from an app's description to documents for a host with systemd: one for each role that has work to do.

Other targets can stand beside it with the same `compile`; a document's name is the variable that its role takes it in.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._service import known
from ansible_collections.slipway.flask.plugins.plugin_utils._target import backups, release, systemd


def compile(
    app: Mapping[str, Any], waiting: Iterable[str] = (), **run: Any
) -> dict[str, dict[str, Any] | list[dict[str, Any]]]:
    """Return the app's documents by the variable of the role that takes them.

    WAITING is for `systemd.site`; RUN is what `release.release` takes beside the app.
    """
    return {
        "gunicorn_systemd_services": systemd.service(app),
        "nginx_tls_sites": systemd.site(app, waiting),
        "app_release_releases": release.release(app, **run),
        "backups_apps": backups.data(app),
        **known.role_documents(app),
    }


def documents(
    apps: Iterable[Mapping[str, Any]],
    variable: str,
    waiting: Iterable[str] = (),
    installer: Mapping[str, Any] | None = None,
    allow_migrations: Any = "",
    skip_hooks: Any = False,
) -> list[dict[str, Any]]:
    """Return what VARIABLE of a role holds for APPS: their documents of that name, from those that have one."""
    run = {"installer": installer, "allow_migrations": allow_migrations, "skip_hooks": skip_hooks}
    names = list(waiting)
    compiled = (compile(app, names, **run).get(variable, []) for app in apps)
    return [entry for found in compiled for entry in (found if isinstance(found, list) else [found])]
