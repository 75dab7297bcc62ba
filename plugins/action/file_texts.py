# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's whole of slipway.flask.file_texts: what slipway.flask.files would write, as texts."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.action.files import ActionModule as Files


class ActionModule(Files):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"files"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        entries = [
            self._entry(number, entry, task_vars or {})
            for number, entry in enumerate(self._task.args.get("files") or [], 1)
        ]
        texts = [{"dest": one["dest"], "content": one["content"]} for one in entries if one["state"] == "file"]
        return {"changed": False, "files": texts}
