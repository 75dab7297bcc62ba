# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release_exec: which app on which host is meant, and what the command printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils import _app_choice


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "command", "seconds"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host, hosts = str(task_vars.get("inventory_hostname")), _app_choice.play_apps(task_vars)
        try:
            app = _app_choice.choose_one(
                given.get("apps"), str(given.get("app") or ""), _app_choice.everywhere(task_vars)
            )
            argv = words(whole(str(given.get("command") or ""), context.CLIARGS.get("extra_vars") or ()))
        except _app_choice.ChoiceError as error:
            return {**result, **error.result}
        first = next((name for name, apps in hosts.items() if app and app["name"] in apps), host)
        if app is None or host != first:
            return {**result, "skipped": True, "skip_reason": "the command runs on one host only"}
        if self._task.check_mode:
            return {**result, "skipped": True, "skip_reason": "nobody knows what a command would do"}
        arguments = {
            **_app_choice.places(app), "wsgi": app["wsgi"], "argv": argv, "writable_paths": app["writable_paths"],
            "seconds": given.get("seconds", 3600),
        }  # fmt: skip
        answer = self._execute_module("slipway.flask.release_exec", arguments, task_vars=task_vars)
        answer.pop("invocation", None)
        if "rc" in answer and "release" in answer:
            show(answer["stdout"], answer["stderr"])
            told = f"`{shlex.join(argv)}` in release {answer['release']} of {app['name']} on {host}"
            told += f" ended with status {answer['rc']}"
            if answer["rc"]:  # what it printed is shown already
                answer = {
                    "failed": True,
                    "changed": True,
                    "msg": told,
                    "rc": answer["rc"],
                    "release": answer["release"],
                }
            else:
                Display().display(told)
        result.update(answer)
        return result


def whole(command: str, extra_vars: Iterable[str]) -> str:
    """Return COMMAND as it was given on the command line: Ansible cuts `-e command='flask users list'` at its first space.

    EXTRA_VARS are the texts of all `-e`. Where what follows can only be further variables, nothing was cut.
    """
    for text in extra_vars:
        name, _, rest = text.partition("=")
        cut = rest.split()
        if name.strip() != "command" or cut[:1] != [command]:
            continue
        if not all(re.fullmatch(r"[A-Za-z_]\w*=.*", word) for word in cut[1:]):
            return rest
    return command


def words(command: str) -> list[str]:
    """Split a command line as a shell does. Raises ChoiceError when there is none or a quote stays open."""
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise _app_choice.ChoiceError(f"the command can't be split into words ({error}); close its quotes") from None
    if not found:
        raise _app_choice.ChoiceError("say what to run with -e command='flask …'")
    return found


def show(stdout: str, stderr: str) -> None:
    """Print what the command printed, each on its own stream."""
    for text, errors in ((stdout, False), (stderr, True)):
        if text:
            Display().display(text.removesuffix("\n"), stderr=errors)
