# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the controller does for a deploy and a rollback alike: who asks, how far it is, and who else holds the app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._host.webhooks import FORMATS, body
from ansible_collections.slipway.flask.plugins.module_utils._release.request import What
from ansible_collections.slipway.flask.plugins.plugin_utils._action import failures, kept, on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._action.progress import Watch
from ansible_collections.slipway.flask.plugins.plugin_utils._app import notifications
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as described

BOOT = Path("/proc/sys/kernel/random/boot_id")


class ReleaseAction(ActionBase):
    """An action plugin whose module runs stages."""

    description: dict[str, Any]
    """The app, complete."""

    @property
    def app(self) -> str:
        """The app's name."""
        return str(self.description["app"])

    @property
    def url(self) -> str:
        """Where visitors reach the app, "" when nothing is verified from outside."""
        domain = (self.description.get("verify") or {}).get("domain")
        return f"https://{domain}/" if domain else ""

    def parameters(self, what: What) -> tuple[dict[str, Any], list[str]]:
        """Return what the task gives, the app's complete description in it, for WHAT: deploy or rollback; and what is wrong."""
        given = dict(self._task.args)
        if wrong := described.problems(given.get("description")):
            return {}, wrong
        self.description = described.complete(given.pop("description"), what)
        return {**self.description, **given}, []

    @cached_property
    def token(self) -> str:
        """A name that this action's progress has, and no other's."""
        return secrets.token_hex(8)

    def call(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Ask NAME's half on the host and show its progress; once more if a run of this machine that died holds the app."""
        arguments = {"by": on_host.asker(), **arguments, "progress": self.token}
        with Watch(self._connection, str(task_vars.get("inventory_hostname")), str(arguments.get("app")), self.token):
            answer: dict[str, Any] = kept.ask(self, name, arguments, task_vars)
            if answer.get("failed") and died(str(answer.get("holder") or "")):
                arguments["gone"] = answer["holder"]
                answer = kept.ask(self, name, arguments, task_vars)
        answer.pop("holder", None)
        return answer

    def ended(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        """Return the result of an ANSWER that is over; with `go_on`, a failure is displayed and kept for the last task."""
        if not answer.get("failed") or not self.go_on:
            return answer
        text = "\n".join(str(answer[key]) for key in ("msg", "module_stderr", "module_stdout") if answer.get(key))
        app = self.app
        if not text.startswith(f"{app} on {host}: "):
            text = f"{app} on {host}: {text}"
        Display().display(f"{text}\n", color=C.COLOR_ERROR)
        failures.add(host, app, text)
        kept: dict[str, Any] = {key: answer[key] for key in ("warnings", "deprecations") if key in answer}
        return {**kept, "changed": bool(answer.get("changed")), "given_up": text}

    @property
    def go_on(self) -> bool:
        """Whether a release that fails leaves the run going on."""
        return bool(boolean(self._task.args.get("go_on") or False))

    def tell(self, what: str, answer: dict[str, Any], text: str, url: str, webhooks: Any, host: str) -> None:
        """Display how a deploy or rollback (WHAT) ended, and tell it to WEBHOOKS unless nothing changed.

        A failure's TEXT becomes the result's message. A webhook that can't be reached only causes a warning.
        """
        if answer.get("failed"):
            answer.pop("exception", None)  # it repeats the module's message without what is added here
            answer["msg"] = text
        else:
            Display().display(text)
        if self._task.check_mode or not (answer.get("failed") or answer.get("changed")):
            return
        app = self.app
        told = notifications.facts(what, host, app, url, answer, text)
        for number, webhook in enumerate(webhooks or [], 1):
            style = str(webhook.get("format") or FORMATS[0])
            reason = notifications.send(str(webhook["url"]), body(style, told))
            if reason:
                Display().warning(f"notification {number} ({style}) of {app} on {host} could not be sent: {reason}")


def machine() -> str:
    """Return a name of this machine since its last start, "" when it can't be told from others."""
    try:
        return f"{socket.gethostname()}/{BOOT.read_text().strip()}"
    except OSError:
        return ""


def process() -> str:
    """Return a name of this run of ansible-playbook, of which a task is a child, that other runs can look for."""
    return f"{machine()}/{os.getppid()}" if machine() else ""


def died(name: str) -> bool:
    """Tell whether the run NAME was one of this machine and is over."""
    where, _, number = name.rpartition("/")
    if not where or where != machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
