# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's part in a run that stops for the user's own tasks: where it stops next, and which files are theirs.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release import hooks
from ansible_collections.slipway.flask.plugins.module_utils._release.hooks import following, of_stages
from ansible_collections.slipway.flask.plugins.plugin_utils._action.release import process


class Hooks:
    """Replaces the hooks of a run through STAGES in a task's ARGUMENTS by what is sent to the host."""

    def __init__(self, arguments: dict[str, Any], base: Path, stages: Sequence[str]) -> None:
        self.base, self.stages, self.files = base, stages, arguments.pop("hooks", None) or {}
        self.resumed: dict[str, Any] = arguments.pop("resume", None) or {}
        self.problems = hooks.problems(self.files) or hooks.file_problems(self.files, base)
        if not self.problems:
            until = following(of_stages(self.files, stages), self.resumed.get("name", ""))
            arguments |= {"process": process(), "until": until}
        if self.resumed:
            arguments["resume"] = self.resumed["release"]

    @property
    def points(self) -> list[str]:
        """Where in the run there is a hook, in no order."""
        return sorted({hooks.point_of(name) for name in of_stages(self.files, self.stages)})

    def stop(self, answer: dict[str, Any]) -> bool:
        """Tell whether the host's ANSWER is that it waits for the tasks of a hook; their files are added to it then."""
        if not answer.get("hook"):
            answer.pop("hook", None)
            return False
        answer["hook"]["files"] = self.at(answer["hook"]["name"])
        return True

    def at(self, point: str, once: bool = True) -> list[str]:
        """Return the paths of the files of tasks at a POINT of the run; without ONCE, those for each host alone."""
        return [str(hooks.file_of(path, self.base)) for path in hooks.at(self.files, point, once)]
