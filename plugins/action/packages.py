# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.packages: what the host needs to build environments while APT installs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host, sources
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as described

OWN = ("extra_packages", "constraints", "overrides")
"""What an app adds to its list: with it, what is installed is not all pinned."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"name", "files", "uv", "environments", "cache_seconds", "lock_seconds"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, asked = task_vars or {}, dict(self._task.args)
        apps = asked.pop("environments", None) or []
        if apps and not self._task.check_mode:
            base, host = description.base_of(task_vars), str(task_vars.get("inventory_hostname"))
            asked["environments"] = list(environments(apps, base, host))
        return {**result, **on_host.ask(self, "packages", asked, task_vars)}


def environments(apps: list[dict[str, Any]], base: Path, host: str) -> Iterator[dict[str, Any]]:
    """Yield what decides about the environment of each app whose source goes along; nothing secret of it but package indexes.

    What is wrong with an app, its deploy tells.
    """
    for app in apps:
        if described.problems(app):
            continue
        whole = described.complete(app)
        packages = whole["packages"]
        if not whole.get("path") or whole.get("subfolder") or any(packages.get(key) for key in OWN):
            continue
        with suppress(description.SourceError, OSError):
            if packed := sources.prepare(whole, base, host).content():
                yield of(whole, packages, packed["content"])


def of(app: Mapping[str, Any], packages: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return an entry of `environments` for the host."""
    known = {
        name: app[name]
        for name in ("requirements", "python", "ca_bundle", "index_url", "extra_index_urls")
        if name in app
    }
    return {
        **known,
        "app": app["app"],
        "root": app["root"],
        "source": source,
        "needed": packages.get("needed") or [],
        "database": packages.get("database") or "",
    }
