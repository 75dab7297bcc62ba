# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the source runs at set times: crontab files and APScheduler's cron jobs, offered as processes with `schedule`.

Only what a file says; each is a suggestion, since the same job may still be run where it was.
"""

from __future__ import annotations

import ast
import re
import shlex

from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import cron, expression

from describe import tables
from describe.app import TODO, App, slug
from describe.code import argument, bound, called, full, text
from describe.commands import words
from describe.processes import PROGRAM
from describe.tree import ASIDE, Module

CRONTAB = re.compile(r"(^|/)(crontab|cronjobs?)(\.txt)?$|\.cron(tab)?$")
CRON_D = re.compile(r"(^|/)cron\.d/[\w-]+$")
LINE = re.compile(r"\s*(@[a-z]+|(?:[^\s#=]+\s+){4}[^\s#=]+)\s+(\S.*)")
ZONE = re.compile(r"\s*(?:CRON_)?TZ\s*=\s*[\"']?([A-Za-z][\w+/-]*)[\"']?\s*")
USER = re.compile(r"(root|www-data|nobody|deploy|ubuntu|app)\s+(?=\S)")
OUTPUT = re.compile(r"\s*(?:&>>?|\d?>>?)\s*(?:&\d|\S+)")
FIELDS = ("month", "day", "day_of_week", "hour", "minute", "second")
"""APScheduler's fields, the largest first; one that is not given is its least below the smallest that is, else every."""
LEAST = {"month": "1", "day": "1", "day_of_week": "*", "hour": "0", "minute": "0", "second": "0"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def find(app: App) -> None:
    """Offer `processes` with `schedule`."""
    for path in sorted(app.tree.files):
        if (CRONTAB.search(path) or CRON_D.search(path)) and (CRON_D.search(path) or not ASIDE.search(path)):
            _crontab(app, path)
    if app.imports("apscheduler", "flask_apscheduler"):
        for module in app.tree.modules:
            for node in module.nodes:
                if isinstance(node, ast.Call):
                    _job(app, module, node)


def _crontab(app: App, path: str) -> None:
    zone = ""
    for number, line in enumerate(app.tree.text(path).splitlines()[:500], 1):
        if named := ZONE.fullmatch(line):
            zone = named[1]
        match = LINE.fullmatch(line)
        if not match or not cron.is_line(match[1]):
            continue
        said = match[2].partition(" ")[2].strip() if CRON_D.search(path) else USER.sub("", match[2], count=1)
        given = words(OUTPUT.sub("", said))
        where = f"{path}:{number}"
        if not given or not PROGRAM.search(given[0]) or re.search(r"[${%|;&<>`]", " ".join(given)):
            app.notes.append(
                f"{where} runs something at set times that is no plain command of the app's: see docs/processes.md"
            )
            continue
        given[0] = given[0].rpartition("/")[2]
        _offer(app, _name(given), shlex.join(given), match[1], zone, where)


def _job(app: App, module: Module, call: ast.Call) -> None:
    """Offer a job of APScheduler's with a cron trigger: `add_job`, `@scheduled_job`, Flask-APScheduler's `@task`."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    added = method == "add_job"
    if not added and method not in ("scheduled_job", "task"):
        return
    trigger = argument(call, 1 if added else 0, "trigger")
    holder = trigger if isinstance(trigger, ast.Call) else call
    kind = called(module, holder)
    if isinstance(trigger, ast.Call) and kind.endswith("CronTrigger.from_crontab"):
        line = _crossed(text(argument(trigger, 0, "expr")))
    elif text(trigger) == "cron" or (
        isinstance(trigger, ast.Call) and kind.endswith("CronTrigger") and not trigger.args
    ):
        line = _fields(holder)
    else:
        return
    function, name = _function(app, module, call, added)
    if not line or not name:
        app.notes.append(f"{module.where(call)} has a cron trigger that no calendar expression could be made of")
        return
    command = tables.of_flask(app, *function) if function else ""
    why = f"{module.where(call)} runs {name}() inside the web process"
    if not command:
        why += "; it needs a command of `flask`"
    zone = text(argument(holder, -1, "timezone"))
    _offer(app, name, f"flask {command or TODO}", line, zone, f"{why}; take it out there")


def _function(
    app: App, module: Module, call: ast.Call, added: bool
) -> tuple[tuple[Module, ast.FunctionDef] | None, str]:
    """Return the function that a job runs, None for one of elsewhere, and its name."""
    if not added:
        above = module.parents.get(id(call))
        return ((module, above), above.name) if isinstance(above, ast.FunctionDef) else (None, "")
    given = argument(call, 0, "func")
    if given is None:
        return None, ""
    whole = text(given).replace(":", ".") or full(module, given)
    package, _, name = whole.rpartition(".")
    other = app.tree.by_name.get(package) if package else module
    found = bound(other).get(name) if other else None
    return ((other, found) if other and isinstance(found, ast.FunctionDef) else None), name


def _fields(call: ast.Call) -> str:
    """Return a trigger's fields as a line of cron, with seconds where they matter; "" for what cron can't say."""
    given: dict[str, str] = {}
    for keyword in call.keywords:
        if keyword.arg in ("year", "week", "start_date", "end_date", None):
            return ""
        if keyword.arg in FIELDS:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if isinstance(value, bool) or not isinstance(value, (int, str)):
                return ""
            given[keyword.arg] = str(value).replace(" ", "")
    if not given:
        return ""
    smallest = max(FIELDS.index(field) for field in given)
    all_of = {field: given.get(field, LEAST[field] if at > smallest else "*") for at, field in enumerate(FIELDS)}
    all_of["day_of_week"] = _weekday(all_of["day_of_week"])
    second = [] if all_of["second"] == "0" else [all_of["second"]]
    return " ".join([*second, *(all_of[field] for field in ("minute", "hour", "day", "month", "day_of_week"))])


def _weekday(field: str) -> str:
    """Return days of the week for cron: APScheduler's 0 is Monday, also in a line of cron."""
    return re.sub(r"(?<![/\w])[0-6](?!\w)", lambda match: DAYS[int(match[0])], field) if field != "*" else field


def _crossed(line: str) -> str:
    fields = line.split()
    return " ".join([*fields[:4], _weekday(fields[4])]) if len(fields) == 5 else ""


def _name(given: list[str]) -> str:
    """Return a process's name for a command: `flask send-digest` -> send-digest."""
    named = [word for word in given[1:] if re.match(r"[A-Za-z]", word)]
    return (named[0] if named else given[0]).rpartition("/")[2].removesuffix(".py")


def _offer(app: App, name: str, command: str, line: str, zone: str, where: str) -> None:
    try:
        schedule = cron.translate(line)
    except cron.Untranslatable as error:
        app.notes.append(f"{where}: '{line}' is no calendar expression of systemd: {error}")
        return
    schedule = f"{schedule} {zone}".strip()
    if expression.problem(schedule):
        app.notes.append(
            f"{where}: '{line}' {zone} could not be made a calendar expression of systemd".replace("  ", " ")
        )
        return
    name = slug(name, 17, "job")
    taken = app.inner.get("processes", {})
    free = next(one for one in (name, *(f"{name}-{number}" for number in range(2, 1000))) if one not in (*taken, "web"))
    app.also("processes", free, {"command": command, "schedule": schedule}, where, off=True)
