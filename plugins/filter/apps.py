# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters from the description of an app to what each role wants to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, hosts, preview, procfile
from ansible_collections.slipway.flask.plugins.plugin_utils._app import version as app_version
from ansible_collections.slipway.flask.plugins.plugin_utils._app.choice import ChoiceError
from ansible_collections.slipway.flask.plugins.plugin_utils._service import postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._target import documents, probe, release, systemd


def normalise_apps(apps: Any, only: str = "", version: Any = "", base: str = "") -> list[dict[str, Any]]:
    """Return every app of `slipway_apps` with all its keys, or the one that is called ONLY, in VERSION if it is given.

    A host that has no such app gets an empty list: whether any host has it is what preflight knows. Paths count from the
    folder BASE, or the current one.
    Raises AnsibleFilterError for a wrong description.
    """
    apps = procfile.expanded(apps, Path(base or "."))
    found = description.problems(apps) or app_version.problems(apps, only, str(version))
    if found:
        raise AnsibleFilterError("slipway.flask.normalise_apps: " + "; ".join(found))
    return [app_version.wanted(description.normalise(app), str(version)) for app in apps if only in ("", app["name"])]


def preview_app(apps: Any, app: str, branch: str) -> dict[str, Any]:
    """Return the description of the preview of APP, or of the only one of APPS, at BRANCH. Raises AnsibleFilterError."""
    try:
        return preview.of(apps, app, branch)
    except ChoiceError as error:
        raise AnsibleFilterError(str(error)) from None


def connections(apps: Iterable[Mapping[str, Any]], cores: int, database: str = "local") -> int:
    """Return how many connections APPS, which have all their keys, may open to databases on a host with so many CORES.

    DATABASE is what their `database` says: `local` is PostgreSQL, `mariadb` MariaDB.
    """
    return sum(postgres.connections_of(app, int(cores)) for app in apps if app["database"] == database)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "normalise_apps": normalise_apps,
            "preview_app": preview_app,
            "apps_on_host": hosts.on_host,
            "app_documents": documents.documents,
            "app_packages": systemd.packages,
            "app_connections": connections,
            "app_release": release.release,
            "app_secrets": systemd.secrets,
            "sites_to_ask": probe.sites,
            "hosts_to_watch": probe.watched,
        }
