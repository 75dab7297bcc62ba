# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of an app that nobody asks over a socket, for somebody who only looks.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import names, settings, usage
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook


class WorkerLook(ProcessLook):
    """The worker that has this name."""

    starts_again = True

    @property
    def templates(self) -> tuple[str, ...]:
        return (self.template, f"{self.template}.*")

    def has(self, release: str = "") -> bool:
        return bool(self.units(release) if release else self.entry())

    def entry(self, release: str = "") -> Mapping[str, Any]:
        """Return what RELEASE, or the next one, says of the process; nothing when it has none of its name and kind."""
        found = settings.of(self.paths, release).get(self.name, {})
        return found if settings.kind(found) == settings.WORKER else {}

    def units(self, release: str) -> tuple[str, ...]:
        """Return the units of RELEASE's instances, and those of which there is still a file."""
        entry = settings.of(self.paths, release).get(self.name, {})
        if settings.kind(entry) != settings.WORKER:
            return ()
        count = int(entry.get("instances", 1)) if entry else 0
        wanted = [names.unit(self.app, self.name, release, number) for number in range(1, count + 1)]
        return tuple(dict.fromkeys([*wanted, *sorted(path.name for path in self._files(systemd.UNITS, release))]))

    def _files(self, folder: Path, release: str) -> Iterator[Path]:
        return (path for one in self.templates for path in folder.glob(f"{one}@{release}.service"))

    def status(self, release: str) -> dict[str, Any]:
        """Return how the instances are, together; `instances` has each of them by its unit."""
        found = {unit: usage.of_unit(unit) for unit in self.units(release)}
        sizes = [one["memory"] for one in found.values() if one["memory"] is not None]
        return {
            "state": next((one["state"] for one in found.values() if one["state"] != "active"), "active"),
            "restarts": sum(one["restarts"] for one in found.values()),
            "workers": sum(one["workers"] for one in found.values()),
            "memory": sum(sizes) if sizes else None,
            "instances": found,
        }

    def problems(self, release: str, found: dict[str, Any]) -> list[str]:
        return [
            f"{unit} is {one['state']}; see journalctl -u {unit}"
            for unit, one in found["instances"].items()
            if one["state"] != "active"
        ]
