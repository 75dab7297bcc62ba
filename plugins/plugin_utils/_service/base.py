# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The interface of all backing services of an app, such as its database.

A service consists of a file in this package and one or several roles that set it up; it is listed in `known.SERVICES`, and
playbooks/tasks/main.yml has a block for its role. No other code knows which services exist.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import Key

App = Mapping[str, Any]


class Service(Protocol):
    """A backing service. `App` is a whole description, but where it is said to be one as it is GIVEN."""

    name: str

    def keys(self) -> Mapping[str, Key]:
        """Return the keys of an app's description that are the service's."""

    def problems(self, given: App) -> Iterator[str]:
        """Yield what is wrong with the service's keys in a description as it is GIVEN: only keys of the right type."""

    def refusals(self, app: App) -> Iterator[str]:
        """Yield what the service's roles would refuse in a description that has no `problems`."""

    def variables(self, given: App) -> dict[str, str]:
        """Return the environment variables that the service sets, each with what is secret in it, as it is GIVEN."""

    def release_commands(self, given: App) -> list[str]:
        """Return the commands that a release runs for the service, when a description as it is GIVEN does not say any."""

    def packages(self, app: App) -> list[str]:
        """Return the APT packages that the app needs for the service; those of the service's roles are their own."""

    def environment(self, app: App) -> dict[str, str]:
        """Return the secret environment variables by which the app reaches the service; empty if it has none."""

    def after_units(self, app: App) -> list[str]:
        """Return the units of systemd that start before the app's, and stop after them, if the host has them."""

    def accounts(self, app: App) -> Mapping[str, str]:
        """Return the system users that the service's roles make for the app, each with the comment by which it is known."""

    def documents(self, app: App) -> Mapping[str, dict[str, Any] | list[dict[str, Any]]]:
        """Return the app's entry, or entries, in each variable of the service's roles; none where the app does not use it."""
