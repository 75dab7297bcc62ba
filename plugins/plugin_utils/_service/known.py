# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The backing services that there are.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._service.base import App, Service
from ansible_collections.slipway.flask.plugins.plugin_utils._service.mariadb import Mariadb
from ansible_collections.slipway.flask.plugins.plugin_utils._service.object_storage import ObjectStorage
from ansible_collections.slipway.flask.plugins.plugin_utils._service.postgres import Postgres
from ansible_collections.slipway.flask.plugins.plugin_utils._service.redis import Redis

SERVICES: tuple[Service, ...] = (Postgres(), Mariadb(), Redis(), ObjectStorage())


def environment(app: App) -> dict[str, str]:
    """Return the secret environment variables of all services of an app."""
    return {name: value for service in SERVICES for name, value in service.environment(app).items()}


def variables(given: App) -> dict[str, str]:
    """Return the variables that the services set, each with what is secret in it, for a description as it is GIVEN."""
    return {name: value for service in SERVICES for name, value in service.variables(given).items()}


def release_commands(given: App) -> list[str]:
    """Return the release commands of an app whose description, as it is GIVEN, does not say any."""
    return [command for service in SERVICES for command in service.release_commands(given)]


def accounts(app: App) -> dict[str, str]:
    """Return the system users that the services' roles make for an app, each with its comment."""
    return {name: comment for service in SERVICES for name, comment in service.accounts(app).items()}


def after_units(app: App) -> list[str]:
    """Return the units of systemd that start before an app's, if the host has them."""
    return [unit for service in SERVICES for unit in service.after_units(app)]


def packages(app: App) -> list[str]:
    """Return the APT packages that an app needs for its services."""
    return [name for service in SERVICES for name in service.packages(app)]


def role_documents(app: App) -> dict[str, dict[str, Any] | list[dict[str, Any]]]:
    """Return the app's entry, or entries, in each variable of the services' roles."""
    return {variable: entry for service in SERVICES for variable, entry in service.documents(app).items()}
