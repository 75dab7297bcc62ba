# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Processes beside the web's: workers of a queue and schedules."""

from __future__ import annotations

import ast
import re
import shlex

from ansible_collections.slipway.flask.plugins.module_utils._source import procfile

from describe import settings, tables
from describe.app import TODO, App, slug
from describe.code import argument, bound, called, dotted, text
from describe.commands import words

KINDS = (
    (r"^celery\b.*\bbeat\b", "celery:beat"),
    (r"^celery\b.*\bflower\b", "flower"),
    (r"^celery\b.*\bworker\b", "celery:worker"),
    (r"^rq worker|^rqworker|^flask rq worker", "rq:worker"),
    (r"^rqscheduler|^rq scheduler|^flask rq scheduler", "rq:scheduler"),
    (r"^huey_consumer", "huey:worker"),
    (r"^dramatiq\b", "dramatiq:worker"),
    (r"^arq\b", "arq:worker"),
)
"""Commands of queues -> program and what it is."""
NAMED = "-n $PROCESS_NAME@$RELEASE_ID"
"""What gives a worker of Celery's a name of its own; all of a host have the same one otherwise."""
SCHEDULE = re.compile(r"beat_schedule$|BEAT_SCHEDULE$|CELERYBEAT_SCHEDULE$")
PROGRAM = re.compile(r"(^|/)(celery|rq|rqworker|rqscheduler|huey_consumer(\.py)?|dramatiq|arq|flask|python3?)$")


def find(app: App) -> None:
    """Say `processes`."""
    said = _said(app)
    _celery(app, said)
    _rq(app, said)
    _huey(app, said)
    _dramatiq(app, said)


def _process(app: App, name: str, value: dict[str, object], why: str) -> None:
    app.also("processes", name, value, why)


def _said(app: App) -> set[str]:
    """Say the processes that the source's own files start; return the kinds that are among them."""
    kinds = set()
    for process, command, where in app.commands:
        given = words(command)
        if not given or not PROGRAM.search(given[0]):
            continue
        given[0] = given[0].rpartition("/")[2]
        line = shlex.join(given)
        kind = _kind(given)
        listed = where.lower().startswith("procfile")
        if not kind and not (listed and process.lower() not in procfile.OTHERWISE):
            continue
        if kind in kinds and not listed:
            continue
        if re.search(r"[${]", line) or kind == "flower":
            continue
        name = slug(process or kind.partition(":")[2] or "worker", 20, "")
        if kind and not re.search(kind.partition(":")[2], name):
            name = kind.partition(":")[2] if (process in ("", "web", "app") or len(name) > 20) else name
        if name in ("web", "release", "socket", "redis", ""):
            continue
        kinds.add(kind)
        if kind == "celery:worker" and not any(re.match(r"-n|--hostname\b", word) for word in given):
            line, where = f"{line} {NAMED}", f"{where}; -n tells workers apart, also those of two releases"
        value: dict[str, object] = {"command": line}
        if kind in ("celery:beat", "rq:scheduler"):
            value["handover"] = "stop_first"
        if kind == "huey:worker":
            value["stop_signal"] = "SIGINT"
        _process(app, name, value, where)
    return kinds


def _kind(given: list[str]) -> str:
    """Return "program:what" for a command of a queue's, "" for any other."""
    line = " ".join(given)
    for pattern, kind in KINDS:
        if re.search(pattern, line):
            return kind
    return ""


def _celery(app: App, said: set[str]) -> None:
    if not (app.has("celery") or app.imports("celery")):
        return
    target, where = celery_app(app)
    if not target:
        if app.imports("celery") and "celery:worker" not in said:
            _process(
                app,
                "worker",
                {"command": f"celery -A {TODO} worker"},
                f"{app.imports('celery')} uses Celery; where its app is could not be told",
            )
        return
    if "celery:worker" not in said:
        _process(
            app,
            "worker",
            {"command": f"celery -A {target} worker {NAMED}", "stop_seconds": 300},
            f"{where} is Celery's app",
        )
    places = ((module, node) for module in app.tree.modules for node in module.nodes)
    beat = next(
        (module.where(node) for module, node in places if SCHEDULE.search(_assigned(node)) or _periodic(node)), ""
    )
    if beat and "celery:beat" not in said:
        command = f"celery -A {target} beat --schedule $STATE_DIRECTORY/celerybeat-schedule"
        _process(
            app, "beat", {"command": command, "handover": "stop_first"}, f"{beat} has a schedule; never two at once"
        )


def _assigned(node: ast.AST) -> str:
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        return text(target.slice) if isinstance(target, ast.Subscript) else dotted(target)
    if isinstance(node, ast.keyword):
        return node.arg or ""
    if isinstance(node, ast.Dict):
        return next((text(key) for key in node.keys if key is not None and "beat_schedule" in text(key).lower()), "")
    return ""


def _periodic(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).endswith("add_periodic_task")


def celery_app(app: App) -> tuple[str, str]:
    """Return what `celery -A` takes, and where it is made; "" when no module has it at its top."""
    found: list[tuple[int, str, str]] = []
    for module in app.tree.all:
        if re.search(r"(^|/)(tests?|docs?)/", module.path):
            continue
        for name, node in bound(module).items():
            value = node.value if isinstance(node, ast.Assign) else None
            if value is None:
                continue
            made = called(module, value)
            factory = bool(re.search(r"(make|create|init|get)_?celery|celery_init_app|FlaskCelery$", made))
            taken = (
                isinstance(value, ast.Subscript)
                and text(value.slice) == "celery"
                and "extensions" in ast.unparse(value.value)
            )
            if re.search(r"(^|\.)Celery$|FlaskCelery$", made) or factory or taken:
                # One that is made around the app knows its settings: it goes before one that waits for init_app.
                rank = (0 if taken or factory else 1) + (5 if settings.ELSEWHERE.search(module.path) else 0)
                found.append((rank, f"{module.name}:{name}", module.where(node)))
    best = min(found, default=(0, "", ""), key=lambda one: (one[0], one[1].count(".")))
    return best[1], best[2]


def _rq(app: App, said: set[str]) -> None:
    if "rq:worker" in said or not (app.has("rq", "flask-rq2", "flask-rq") or app.imports("rq", "flask_rq2")):
        return
    where = app.imports("rq", "flask_rq2")
    queued = any(
        re.search(r"\.enqueue(_in|_at|_call)?\(|@(\w+\.)?job\b|\.queue\(", module.text) for module in app.tree.modules
    )
    if not where or not queued:
        return
    queues = []
    for module in app.tree.modules:
        for node in module.nodes:
            if (
                isinstance(node, ast.Call)
                and re.search(r"(^|\.)(rq\.)?Queue$", called(module, node))
                and "queue.Queue" not in called(module, node)
            ):
                queues.append(text(argument(node, 0, "name")) or "default")
    names = " ".join(dict.fromkeys(queues)) or "default"
    if own := _own_command(app):
        _process(app, "worker", {"command": own[0], "stop_seconds": 300}, own[1])
        return
    if app.imports("flask_rq2"):
        command = f"flask rq worker {names}"
    else:
        command = f"rq worker {names}"
        if app.value("redis") and app.value("redis_variable") != "RQ_REDIS_URL":  # which `rq` itself reads
            app.also("redis_variables", "RQ_REDIS_URL", "queue", "`rq worker` reads it")
    _process(app, "worker", {"command": command, "stop_seconds": 300}, f"{where} uses RQ")


def _own_command(app: App) -> tuple[str, str] | None:
    """Return the command of `flask` that starts a worker of RQ's, and where it does; None without one."""
    for module in app.tree.all:
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "work":
                scope = next((one for one in module.above(node) if isinstance(one, ast.FunctionDef)), None)
                if scope and (command := tables.of_flask(app, module, scope)):
                    return f"flask {command}", f"{module.where(node)} starts a worker of RQ's"
    return None


def _huey(app: App, said: set[str]) -> None:
    if "huey:worker" in said or not (app.has("huey") or app.imports("huey")):
        return
    for module in app.tree.modules:
        for name, node in bound(module).items():
            if isinstance(node, ast.Assign) and re.search(r"(^|\.)\w*Huey$", called(module, node.value)):
                value = {
                    "command": f"huey_consumer.py {module.name}.{name}",
                    "stop_signal": "SIGINT",
                    "stop_seconds": 300,
                }
                _process(app, "worker", value, f"{module.where(node)} is Huey's; it runs the periodic tasks, too")
                if "Sqlite" in called(module, node.value) or "File" in called(module, node.value):
                    app.dangers.append(
                        f"{module.where(node)} keeps the queue in a file: name its folder in shared_folders"
                    )
                return


def _dramatiq(app: App, said: set[str]) -> None:
    if "dramatiq:worker" in said or not (app.has("dramatiq", "flask-dramatiq") or app.imports("dramatiq")):
        return
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef) and any("actor" in ast.unparse(one) for one in node.decorator_list):
                _process(
                    app,
                    "worker",
                    {"command": f"dramatiq {module.name}", "stop_seconds": 300},
                    f"{module.where(node)} is an actor",
                )
                return
