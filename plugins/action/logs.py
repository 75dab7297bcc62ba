# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.logs: what is meant, and what comes in, printed while it does."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.module_utils._logs import mask, program
from ansible_collections.slipway.flask.plugins.plugin_utils._action import given as on_command_line
from ansible_collections.slipway.flask.plugins.plugin_utils._action import stream
from ansible_collections.slipway.flask.plugins.plugin_utils._action.printer import Printer
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice
from ansible_collections.slipway.flask.plugins.plugin_utils._logs import asked as question
from ansible_collections.slipway.flask.plugins.plugin_utils._service import known

NAMES = ("since", "end", "process", "level", "grep", "request_id", "lines", "follow", "format")
MOST_BYTES = 64 << 20
"""What a connection that answers only at the end may bring."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"apps", "app", "logs", "after", *NAMES})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, given = task_vars or {}, self._task.args
        host = str(task_vars.get("inventory_hostname"))
        try:
            app = choice.choose_one(given.get("apps"), str(given.get("app") or ""), choice.everywhere(task_vars))
            if app is None:
                raise choice.NotHere(f"{host} has no app '{given.get('app')}'")
            asked = self._asked(app)
            hosts = [name for name, apps in choice.play_apps(task_vars).items() if app["name"] in apps] or [host]
            forks = int(context.CLIARGS.get("forks") or 1)
            if asked.follow and len(hosts) > forks:
                raise question.AskedError(f"{len(hosts)} hosts are to be followed at once; add --forks {len(hosts)}")
        except choice.NotHere as error:
            return {**result, **error.result}
        except (choice.ChoiceError, question.AskedError) as error:
            first = (task_vars.get("ansible_play_hosts_all") or [host])[0]
            if host != first:  # what is wrong is told once
                return {**result, "skipped": True, "skip_reason": f"{first} says what is wrong"}
            return {**result, "failed": True, "msg": str(error)}
        try:
            return {**result, **self._show(app, asked, hosts, host)}
        except stream.StreamError as error:
            return {**result, "failed": True, "msg": str(error)}

    def _show(self, app: Mapping[str, Any], asked: question.Asked, hosts: list[str], host: str) -> dict[str, Any]:
        """Print what is ASKED of HOST, or keep it when there are more HOSTS with the app."""
        after = self._task.args.get("after")
        kept = Path(constants.DEFAULT_LOCAL_TMP) / f"logs-{hosts.index(host)}"
        printer = Printer(hosts, asked.format, bool(asked.request_id))
        wanted = {**asdict(asked), **self._places(app)}
        if len(hosts) > 1 and not after:
            wanted["follow"] = 0
            told = {"hosts": hosts, "lines": asked.lines, "format": asked.format, "one_request": bool(asked.request_id)}
            return {**self._keep(wanted, kept), **told, "several": True}
        if after:
            wanted |= {"since": after, "lines": 0}
            printer.page.day = time.strftime("%Y-%m-%d", time.gmtime())
        return {**self._print(host, wanted, printer), "several": False}

    def _asked(self, app: Mapping[str, Any]) -> question.Asked:
        given = {name: self._task.args.get(name) for name in NAMES}
        given["until"] = given.pop("end")  # a keyword of tasks, which an option had better not be called
        extra = context.CLIARGS.get("extra_vars") or ()
        given["grep"] = on_command_line.whole("grep", str(given["grep"] or ""), extra)
        processes = [*app["processes"], *(name for _, name in services(app))]
        return question.read(given, processes, time.time())

    def _places(self, app: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the host must know of APP to find its logs."""
        masked = (self._task.args.get("logs") or {}).get("mask", [mask.ALL])
        names = masked if isinstance(masked, list) else [masked]
        return {
            "app": app["name"], "processes": list(app["processes"]), "services": services(app),
            "has_database": app["database"] == "local", "mask": mask.expanded(map(str, names)),
            "most_bytes": MOST_BYTES,
        }  # fmt: skip

    def _entries(self, wanted: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        """Yield what the host sends, and an empty entry now and then while it sends nothing."""
        begun, run = False, os.getppid()
        for line in stream.lines(self, "_logs", wanted):
            if not begun:
                begun = line.strip() == program.READY.encode()
            else:
                yield json.loads(line) if line.strip() else {}
            if os.getppid() != run:  # the run was killed: a task's process is not of its group, and would go on alone
                return
        if not begun:
            raise stream.StreamError("the logs could not be read: the host has sent nothing")

    def _print(self, host: str, wanted: Mapping[str, Any], printer: Printer) -> dict[str, Any]:
        for entry in self._entries(wanted):
            if entry.get("end"):
                printer.flush()
                if entry["cut"]:
                    Display().warning(
                        f"more than {MOST_BYTES >> 20} MB: the rest is not shown; narrow the search with -e since="
                    )
            elif entry:
                printer.add(host, entry)
            else:
                printer.flush()
        return {"changed": False, "shown": printer.count}

    def _keep(self, wanted: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """Write what the host sends to PATH, for slipway.flask.logs_report."""
        until = 0.0
        with path.open("w", encoding="utf-8") as file:
            for entry in self._entries(wanted):
                if entry.get("end"):
                    until = entry["until"]
                elif entry:
                    file.write(json.dumps(entry) + "\n")
        return {"changed": False, "kept": str(path), "until": until}


def services(app: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the units of the services that are the app's own, each with its name in the time line."""
    found = []
    for unit in known.after_units(app):
        if unit.startswith(("slipway-redis-", "slipway-pgbouncer-")):
            found.append((unit, unit.split("-")[1]))
    return found
