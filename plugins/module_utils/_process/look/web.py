# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The process that answers visitors, for somebody who only looks.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._host import unix_sockets
from ansible_collections.slipway.flask.plugins.module_utils._process import health as process_health
from ansible_collections.slipway.flask.plugins.module_utils._process import names, settings
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook

RUN = Path("/run")


class WebLook(ProcessLook):
    """What answers an app's visitors."""

    name = names.WEB

    def has(self, release: str = "") -> bool:
        return settings.has_web(self.paths, release)

    def units(self, release: str) -> tuple[str, ...]:
        return super().units(release) if self.has(release) else ()

    def socket(self, release: str) -> Path:
        """Return where RELEASE takes its requests: in a folder of its own, or in one that all of the app's have."""
        link = self.paths.release(release) / "run"
        return (Path(os.readlink(link)) if link.is_symlink() else self._runtime(release)) / "gunicorn.sock"

    @property
    def runtimes(self) -> Path:
        """The folder of the sockets, with one below it for each release."""
        return RUN / self.app

    def _runtime(self, release: str) -> Path:
        return self.runtimes / release

    def open_work(self, release: str) -> tuple[str, int]:
        return "connection", unix_sockets.connected(self.socket(release))

    def status(self, release: str) -> dict[str, Any]:
        health = process_health.answer(self.socket(release), self.health)
        return {**super().status(release), "health": health}

    def problems(self, release: str, found: dict[str, Any]) -> list[str]:
        asked, health = found["health"], self.health
        wrong = asked["status"] not in health.status
        said = f"{asked['path']} {asked['said']}; it must answer {app_health.wanted(health)}"
        return [*super().problems(release, found), *[said] * wrong]
