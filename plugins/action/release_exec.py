# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.release_exec: which app on which host is meant, and what the command printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.plugin_utils._action import given as on_command_line
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice, commands
from ansible_collections.slipway.flask.plugins.plugin_utils._app import hosts as app_hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._fleet import apps as fleet
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd as target


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "command", "schedule", "seconds", "host", "on"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        try:
            app = choice.choose_one(given.get("apps"), str(given.get("app") or ""), choice.everywhere(task_vars))
            command = on_command_line.whole(
                "command", str(given.get("command") or ""), context.CLIARGS.get("extra_vars") or ()
            )
            schedule = schedule_of(str(given.get("schedule") or ""), command, app)
            words = [] if schedule else words_of(command, app)
            hosts = chosen_hosts(given, app, schedule, host, task_vars) if app else []
        except choice.ChoiceError as error:
            first = str((task_vars.get("ansible_play_hosts_all") or [host])[0])
            if host != first:  # what is wrong is told once
                return {**result, "skipped": True, "skip_reason": f"{first} says what is wrong"}
            return {**result, **error.result}
        if app is None or host not in hosts:
            return {
                **result,
                "skipped": True,
                "skip_reason": f"the command runs on {', '.join(hosts) or 'other hosts'} only",
            }
        if self._task.check_mode:
            return {**result, "skipped": True, "skip_reason": "what a command would do can't be predicted"}
        arguments = {
            **target.places(app), "wsgi": app["wsgi"], "words": json.dumps(words), "seconds": given.get("seconds", 3600),
            "writable_paths": app["writable_paths"], "schedule": schedule,
        }  # fmt: skip
        answer = on_host.ask(self, "release_exec", arguments, task_vars)
        if "rc" in answer and "release" in answer:
            show(answer["stdout"], answer["stderr"], f"{host} | " if len(hosts) > 1 else "")
            what = f"schedule '{schedule}'" if schedule else f"`{app_command.label(words)}`"
            told = f"{what} in release {answer['release']} of {app['name']} on {host}"
            ended = f"ended with status {answer['rc']}"
            told += f" {answer.pop('end', ended)}"
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


def schedule_of(name: str, command: str, app: Mapping[str, Any] | None) -> str:
    """Return the schedule of APP that is to run, "" for none. Raises ChoiceError for one that it does not have."""
    if not name:
        return ""
    if command.strip():
        raise choice.ChoiceError("pass either -e command='flask …' or -e schedule=NAME, not both")
    known = [one for one, entry in (app or {}).get("processes", {}).items() if entry.get("schedule")]
    if app and name not in known:
        there = f"; its schedules are: {', '.join(known)}" if known else "; it has none"
        raise choice.ChoiceError(f"{app['name']} has no schedule '{name}'{nearest(name, known)}{there}")
    return name


def words_of(command: str, app: Mapping[str, Any] | None) -> list[str]:
    """Return the words of a command line for APP. Raises ChoiceError when there is none, or one that must not be run."""
    if not command.strip():
        raise choice.ChoiceError("pass the command to run: -e command='flask …'")
    names, secret = None, dict[str, Any]()
    if app:
        secret = target.secrets(app)
        names = [*app["environment"], *secret]
    found = commands.of_line("the command", command, names, secret)
    if found:
        raise choice.ChoiceError("\n".join(found))
    return app_command.split(command)


def chosen_hosts(
    given: Mapping[str, Any], app: Mapping[str, Any], schedule: str, host: str, task_vars: Mapping[str, Any]
) -> list[str]:
    """Return the hosts on which a command, or the SCHEDULE, of APP is to run: the first, the one that is named, or all.

    Raises ChoiceError for one that does not have the app.
    """
    named, on = str(given.get("host") or ""), str(given.get("on") or "")
    if on not in ("", "first", "all"):
        raise choice.ChoiceError(f"on is '{on}'; it must be all, or first, which is the default: -e on=all")
    if named and on == "all":
        raise choice.ChoiceError("pass either -e host=NAME or -e on=all, not both")
    there = [name for name, apps in choice.play_apps(task_vars).items() if app["name"] in apps] or [host]
    if named and named not in there:
        raise choice.ChoiceError(
            f"{app['name']} is not on a host '{named}'{nearest(named, there)}; its hosts are: {', '.join(there)}"
        )
    if named:
        return [named]
    groups = task_vars.get("groups") or {}
    if schedule:  # on a host that has it, by its `on`
        entry = app["processes"][schedule]
        able = [
            one
            for one in there
            if app_hosts.runs(entry, one, groups, fleet.members(app, groups, task_vars["hostvars"]))
        ]
        there = able or there
    return there if on == "all" else there[:1]


def show(stdout: str, stderr: str, before: str = "") -> None:
    """Print what the command printed, each on its own stream, with BEFORE in front of each line."""
    for text, errors in ((stdout, False), (stderr, True)):
        if text:
            lines = text.removesuffix("\n").split("\n")
            Display().display("\n".join(f"{before}{line}" for line in lines), stderr=errors)
