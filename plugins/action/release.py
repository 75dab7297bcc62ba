# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release: sends the source if the host lacks it, and tells what happened."""

from __future__ import annotations

import getpass
import socket
import tempfile
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils import _source, _summary

NAME = "slipway.flask.release"


class ActionModule(ActionBase):
    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        arguments = {"by": f"{getpass.getuser()}@{socket.gethostname()}", **self._task.args}
        path = arguments.pop("path", None)
        if bool(path) == bool(arguments.get("git")):
            return {**result, "failed": True, "msg": "give either 'path' or 'git'"}
        try:
            packed = (
                None if arguments.get("git") else self._pack(str(path), str(arguments.get("subfolder", "")), task_vars)
            )
        except (_source.SourceError, OSError) as error:
            return {**result, "failed": True, "msg": str(error)}
        if packed:
            arguments.update(source_key=packed.key, revision=packed.revision, dirty=packed.dirty)
        answer = self._execute_module(NAME, arguments, task_vars=task_vars)
        if packed and answer.get("need_archive"):
            answer = self._send(packed.content, arguments, task_vars)
        return self._tell(result, answer, arguments, task_vars)

    def _pack(self, path: str, subfolder: str, task_vars: dict[str, Any]) -> _source.Archive:
        folder = _source.folder_of({"source": {"path": path}}, _source.base_of(task_vars))
        return _source.pack(folder / subfolder)

    def _send(self, content: bytes, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Bring the archive to the host and deploy it."""
        folder = self._make_tmp_path()
        try:
            with tempfile.NamedTemporaryFile(suffix=".tar.gz") as local:
                local.write(content)
                local.flush()
                remote = self._transfer_file(local.name, self._connection._shell.join_path(folder, "source.tar.gz"))
            answer: dict[str, Any] = self._execute_module(NAME, {**arguments, "archive": remote}, task_vars=task_vars)
        finally:
            self._remove_tmp_path(folder)
        return answer

    def _tell(
        self, result: dict[str, Any], answer: dict[str, Any], arguments: dict[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        answer.pop("invocation", None)
        answer.pop("need_archive", None)
        host = str(task_vars.get("inventory_hostname"))
        if answer.get("failed"):
            answer.pop("exception", None)  # it repeats the module's message without what is added here
            answer["msg"] = _summary.failed(host, str(arguments["app"]), answer)
        elif answer.get("record") and not self._task.check_mode:
            domain = (arguments.get("verify") or {}).get("domain")
            Display().display(_summary.deployed(host, f"https://{domain}/" if domain else "", answer))
        result.update(answer)
        return result
