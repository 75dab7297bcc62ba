# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the actions that deploy have in common: the source is named here, and sent if the host lacks it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._action import promotion, sources
from ansible_collections.slipway.flask.plugins.plugin_utils._action.release import ReleaseAction

NAME = "release"


class DeployAction(ReleaseAction):
    """An action plugin that deploys."""

    def deploy(self, arguments: dict[str, Any], base: Path, resumed: bool, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the host answers to a deploy that ARGUMENTS describe; RESUMED goes on with one that had stopped.

        Raises SourceError, OSError.
        """
        source = self.source(arguments, base, task_vars, resumed)
        answer = self.call(NAME, source.arguments, task_vars) if resumed else self._begin(source, task_vars)
        answer.pop("need_archive", None)
        return answer

    def source(
        self, arguments: dict[str, Any], base: Path, task_vars: dict[str, Any], resumed: bool = False
    ) -> sources.Prepared:
        """Return what the host is told of a deploy that ARGUMENTS describe. Raises SourceError, OSError."""
        if promoted := arguments.pop("promotion", None):
            return promotion.prepare(arguments, promoted, lambda: self._content_here(arguments, base, task_vars))
        return sources.prepare(arguments, base, str(task_vars.get("inventory_hostname")), resumed)

    def _content_here(self, arguments: dict[str, Any], base: Path, task_vars: dict[str, Any]) -> str:
        """Return the name of the contents of the source here. Raises SourceError."""
        here = sources.prepare(arguments, base, str(task_vars.get("inventory_hostname")))
        return str(here.arguments["source_key"])

    def _begin(self, source: sources.Prepared, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Begin a release, with the source sent if the host lacks it."""
        content = {} if self._task.check_mode else source.content()
        answer = self.call(NAME, source.arguments | content, task_vars)
        if not source.file or not answer.get("need_archive"):
            return answer
        folder = self._make_tmp_path()
        try:
            place = self._connection._shell.join_path(folder, "source")
            remote = self._transfer_file(str(source.file()), place)
            return self.call(NAME, {**source.arguments, "upload": remote}, task_vars)
        finally:
            self._remove_tmp_path(folder)
