# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The compiler from an app's description to documents for a host with systemd: one for each role that has work to do.

Other targets can stand beside it with the same `compile`; a document's name is the variable that its role takes it in.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._service import known
from ansible_collections.slipway.flask.plugins.plugin_utils._target import backups, metrics, release, systemd, upkeep

Document = dict[str, Any] | list[dict[str, Any]]
"""An app's entry in the variable of a role, or its entries."""


def compile(app: Mapping[str, Any], waiting: Iterable[str] = (), **run: Any) -> dict[str, Callable[[], Document]]:
    """Return what makes the app's documents, by the variable of the role that takes them; a playbook asks for one at a time.

    WAITING is for `systemd.site`; RUN is what `release.release` takes beside the app.
    """
    services = known.role_documents(app)
    visited: dict[str, Callable[[], Document]] = {
        "nginx_tls_sites": partial(systemd.site, app, waiting),
        "host_upkeep_sites": partial(upkeep.site, app),
    }
    return {
        **(visited if systemd.serves(app) else {}),
        "gunicorn_systemd_services": partial(systemd.service, app),
        "app_release_releases": partial(release.release, app, **run),
        "backups_apps": partial(backups.data, app),
        "host_metrics_apps": partial(metrics.app, app),
        "host_dashboard_apps": partial(systemd.names, app),
        **{variable: partial(services.__getitem__, variable) for variable in services},
    }


def documents(
    apps: Iterable[Mapping[str, Any]],
    variable: str,
    waiting: Iterable[str] = (),
    installer: Mapping[str, Any] | None = None,
    allow_migrations: Any = "",
    skip_hooks: Any = False,
    audit: Any = "",
    promotion: Iterable[Mapping[str, Any]] = (),
    once: Any = False,
) -> list[dict[str, Any]]:
    """Return what VARIABLE of a role holds for APPS: their documents of that name, from those that have one."""
    run = {
        "installer": installer,
        "allow_migrations": allow_migrations,
        "skip_hooks": skip_hooks,
        "audit": audit,
        "promotion": list(promotion),
        "once": once,
    }
    names = list(waiting)
    makers = (compile(app, names, **run).get(variable) for app in apps)
    made = [make() for make in makers if make]
    return [entry for found in made for entry in (found if isinstance(found, list) else [found])]
