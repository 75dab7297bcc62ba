# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release: sends the source if the host lacks it, and tells what happened."""

from __future__ import annotations

import tempfile
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils import _release_hooks, _source, _summary
from ansible_collections.slipway.flask.plugins.plugin_utils._release_action import ReleaseAction, process

NAME = "slipway.flask.release"


class ActionModule(ReleaseAction):
    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, arguments = task_vars or {}, dict(self._task.args)
        hooks, resumed = arguments.pop("hooks", None) or {}, arguments.pop("resume", None) or {}
        webhooks = arguments.pop("notifications", None)
        base = _source.base_of(task_vars)
        problems = _release_hooks.problems(hooks) or _release_hooks.file_problems(hooks, base)
        if problems:
            return {**result, "failed": True, "msg": "\n".join(problems)}
        arguments |= {"process": process(), "until": _release_hooks.following(hooks, resumed.get("name", ""))}
        try:
            if resumed:
                arguments.pop("path", None)  # the host has it
                answer = self.call(NAME, {**arguments, "resume": resumed["release"]}, task_vars)
            else:
                answer = self._deploy(arguments, task_vars)
        except (_source.SourceError, OSError) as error:
            return {**result, "failed": True, "msg": str(error)}
        answer.pop("need_archive", None)
        if answer.get("hook"):
            answer["hook"]["file"] = str(_release_hooks.file_of(hooks[answer["hook"]["name"]], base))
        else:
            answer.pop("hook", None)
            self._tell(answer, webhooks, str(task_vars.get("inventory_hostname")))
        return {**result, **answer}

    def _deploy(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Begin a release, with the source sent if it is a folder that the host lacks."""
        path = arguments.pop("path", None)
        if bool(path) == bool(arguments.get("git")):
            raise _source.SourceError("give either 'path' or 'git'")
        if not path:
            return self.call(NAME, arguments, task_vars)
        packed = self._pack(str(path), str(arguments.get("subfolder", "")), task_vars)
        arguments.update(source_key=packed.key, revision=packed.revision, dirty=packed.dirty)
        answer = self.call(NAME, arguments, task_vars)
        return self._send(packed.content, arguments, task_vars) if answer.get("need_archive") else answer

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
            return self.call(NAME, {**arguments, "archive": remote}, task_vars)
        finally:
            self._remove_tmp_path(folder)

    def _tell(self, answer: dict[str, Any], webhooks: Any, host: str) -> None:
        domain = (self._task.args.get("verify") or {}).get("domain")
        url = f"https://{domain}/" if domain else ""
        if answer.get("failed"):
            text = _summary.failed(host, str(self._task.args["app"]), answer)
        elif self._task.check_mode or not answer.get("record"):
            return
        else:
            text = _summary.deployed(host, url, answer)
        self.tell("deploy", answer, text, url, webhooks, host)
