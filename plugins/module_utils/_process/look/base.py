# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a process of an app looks like on its host, for somebody who only looks: nothing here changes anything.

A run that does is of a subclass (_process/base.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import names, usage
from ansible_collections.slipway.flask.plugins.module_utils._process.draining import Draining, left_of


class ProcessLook:
    """The process NAME of the app at PLACES; HEALTH is the request that the app must answer. A RELEASE is always an id."""

    name: str
    starts_again: ClassVar[bool] = False
    """Whether a release that has been told to end and has not yet can be told to start: it does so when it has ended."""

    def __init__(self, paths: Places, health: Health, name: str = "") -> None:
        self.paths, self.app, self.health = paths, paths.app, health
        self.name = name or self.name

    # ---- its units -----------------------------------------------------------------------------------------------

    @property
    def template(self) -> str:
        """What its units are called before the `@`."""
        return names.template(self.app, self.name)

    @property
    def templates(self) -> tuple[str, ...]:
        """What all of its units are called before the `@`, as shell patterns."""
        return (self.template,)

    def has(self, release: str = "") -> bool:
        """Tell whether RELEASE, or the next one, has this process."""
        return True

    def unit(self, release: str) -> str:
        """Return the unit that people are told of."""
        return names.unit(self.app, self.name, release)

    def units(self, release: str) -> tuple[str, ...]:
        """Return all units that are started and ended for RELEASE."""
        return (self.unit(release),)

    # ---- what is on the host ---------------------------------------------------------------------------------------

    def releases(self) -> set[str]:
        """Return the releases that systemd has loaded, running or failed, and those that start at boot."""
        return {*self._loaded(), *(one for template in self.templates for one in systemd.enabled(template))}

    def _loaded(self) -> set[str]:
        """Return the releases that systemd has loaded, running or failed."""
        return {one for template in self.templates for one in systemd.instances(template)}

    def is_active(self, release: str) -> bool:
        """Tell whether RELEASE runs."""
        return all(map(systemd.is_active, self.units(release)))

    def is_draining(self, release: str) -> bool:
        """Tell whether RELEASE has been told to end and has not yet."""
        states = (systemd.properties(unit, "ActiveState").get("ActiveState") for unit in self.units(release))
        return "deactivating" in states

    def is_there(self, release: str) -> bool:
        """Tell whether anything of RELEASE still runs."""
        return any(map(systemd.is_active, self.units(release))) or self.is_draining(release)

    def draining(self) -> list[Draining]:
        """Return the releases that have been told to end and have not yet, the oldest first."""
        return [self._drains(one) for one in sorted(self._loaded()) if self.is_draining(one)]

    def _drains(self, release: str) -> Draining:
        seconds = max(map(left_of, self.units(release)))
        work, count = self.open_work(release)
        return Draining(release, self.name, seconds, work, count, again=self.starts_again)

    def open_work(self, release: str) -> tuple[str, int]:
        """Return what RELEASE has begun and how much of it is open, such as `connection` and 2; "" when that is not known."""
        return "", 0

    def status(self, release: str) -> dict[str, Any]:
        """Return how RELEASE is: state, restarts, workers (processes below the main one), memory in bytes."""
        return usage.of_unit(self.unit(release))

    def problems(self, release: str, found: dict[str, Any]) -> list[str]:
        """Return why RELEASE, whose status was FOUND, does not do its work, one sentence each."""
        unit = self.unit(release)
        return [] if found["state"] == "active" else [f"{unit} is {found['state']}; see journalctl -u {unit}"]

    def masked(self, text: str, release: str) -> str:
        """Return TEXT, which RELEASE has printed, without its secrets."""
        return environment_file.masked(text, self.paths.environment_file(release))
