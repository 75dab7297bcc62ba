# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Prints how the apps on all hosts of a play are, and fails when one does not serve; or the history of those on several hosts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.flask.plugins.plugin_utils._action import fleets
from ansible_collections.slipway.flask.plugins.plugin_utils._report import fleet as fleet_report
from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables as report_tables

WIDTH = 100
"""Characters of a line where no terminal says how wide it is."""
Answers = Mapping[str, Mapping[str, Any]]


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"variable", "history", "limit"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = {**super().run(tmp, task_vars), "changed": False}
        task_vars = task_vars or {}
        answers = {
            str(host): task_vars["hostvars"][host].get(self._task.args["variable"]) or {"unreachable": True}
            for host in task_vars["ansible_play_hosts_all"]
        }
        together = fleets.of_play(task_vars)
        if boolean(self._task.args.get("history") or False):
            limit = int(self._task.args.get("limit") or 20)
            for app, hosts in together:
                if found := {host: one for host in hosts if (one := app_of(answers[host], app))}:
                    Display().display(fleet_report.history(app, found, limit) + "\n")
            return result
        texts, problems = list(blocks(answers, together)), list(problems_of(answers, together))
        if texts:
            Display().display("\n\n".join(texts) + "\n")
        if problems:
            result.update(failed=True, msg=report_tables.not_serving(problems))
        return result


def lost(answer: Mapping[str, Any]) -> bool:
    """Tell whether a host did not say how it is."""
    return bool(answer.get("unreachable") or answer.get("failed"))


def app_of(answer: Mapping[str, Any], app: str) -> Mapping[str, Any] | None:
    """Return what a host's ANSWER says of APP."""
    return next((one for one in answer.get("apps") or [] if one["app"] == app), None)


def blocks(answers: Answers, together: list[tuple[str, list[str]]]) -> Iterator[str]:
    """Yield the table of each app that several hosts have TOGETHER, that of all other apps, and what stands below."""
    there = {host: one["apps"] for host, one in answers.items() if not lost(one) and not one.get("skipped")}
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    shown = set[tuple[str, str]]()
    for app, hosts in together:
        found = {host: app_of(answers[host], app) for host in hosts if not answers[host].get("skipped")}
        if len(found) > 1 and any(found.values()):
            shown |= {(host, app) for host in found}
            yield fleet_report.status(app, found, width)
    rest = {host: [one for one in apps if (host, one["app"]) not in shown] for host, apps in there.items()}
    if any(rest.values()):
        yield report_tables.status(rest, width)
    if there and (more := report_tables.all_below(there)):
        yield more
    for host in there:
        found_here, kept = answers[host], answers[host].get("backups") or {}
        upkeep = found_here.get("upkeep") or {}
        lines = (
            *found_here.get("left", []),
            *kept.get("lines", []),
            *upkeep.get("lines", []),
            *found_here.get("notes", []),
        )
        yield from (f"{host}: {text}" for text in lines)


def problems_of(answers: Answers, together: list[tuple[str, list[str]]]) -> Iterator[str]:
    """Yield what is wrong on each host, and on which of several it is not as on the others."""
    for host, found in answers.items():
        if lost(found):
            yield f"{host}: {found.get('msg') or 'it could not be reached'}"
        elif not found.get("skipped"):
            for part in (found.get("backups") or {}, found.get("upkeep") or {}):
                yield from (f"{host}: {text}" for text in part.get("problems", []))
            yield from (f"{app['app']} on {host}: {text}" for app in found["apps"] for text in app["problems"])
    for app, hosts in together:
        there = {host: one for host in hosts if (one := app_of(answers[host], app))}
        yield from (f"{app} on {host}: {text}" for host, text in fleet_report.behind(there).items())
        sites = {host: one for host, one in there.items() if one.get("serves", True)}
        if text := fleet_report.closed_apart(sites):
            yield f"{app}: {text}"
