# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's part in a run that stops for the user's own tasks: where it stops next, and which file is theirs.

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
        self.base, self.files = base, arguments.pop("hooks", None) or {}
        self.resumed: dict[str, Any] = arguments.pop("resume", None) or {}
        self.problems = hooks.problems(self.files) or hooks.file_problems(self.files, base)
        if not self.problems:
            until = following(of_stages(self.files, stages), self.resumed.get("name", ""))
            arguments |= {"process": process(), "until": until}
        if self.resumed:
            arguments["resume"] = self.resumed["release"]

    def stop(self, answer: dict[str, Any]) -> bool:
        """Tell whether the host's ANSWER is that it waits for the tasks of a hook; their file is added to it then."""
        if not answer.get("hook"):
            answer.pop("hook", None)
            return False
        answer["hook"]["file"] = str(hooks.file_of(self.files[answer["hook"]["name"]], self.base))
        return True
