# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of a service beside its web process: its keys, and what is wrong with their values.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app.command import CommandError
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import problems as service_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import expression
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
RESERVED = ("web", "socket", "redis")
"""Names of units that a service has, or may have, for something else."""
SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
STOP_FIRST = "stop_first"
ALIVE_SECONDS, READY_SECONDS = 5, 60
OWNED = {"RELEASE_ID", "PROCESS_NAME", "STATE_DIRECTORY", "NOTIFY_SOCKET"}
"""Variables that the unit or systemd sets."""
RUNTIME = (*app_command.RUNTIME, "PROCESS_NAME", "STATE_DIRECTORY")
"""Variables that a process has beside the app's own."""
KIND_NAMES: Mapping[Any, str] = {str: "text", dict: "a mapping", bool: "true or false"}

KEYS: dict[str, Key] = {
    "command": Key(
        str,
        REQUIRED,
        "Command line of the process, run without a shell. `$NAME` is replaced by the app's environment "
        "variable, `$PROCESS_NAME` by `worker`, or `worker.2` for the second instance.",
    ),
    "instances": Key(int, 1, "Number of instances to run.", range=(1, 64)),
    "stop_seconds": Key(
        int,
        60,
        "How long the process may take to finish its work after the stop signal, before it is killed.",
        range=(1, 86400),
    ),
    "stop_signal": Key(str, "SIGTERM", "Signal that asks the process to stop.", SIGNALS),
    "memory_max_mb": Key(int, 0, "Memory limit per instance, in MiB; 0 means no limit.", range=(0, 1048576)),
    "nice": Key(
        int, 0, "Nice level: the higher, the more the process gives way when the CPUs are busy.", range=(0, 19)
    ),
    "environment": Key(dict, {}, "Environment variables in addition to the app's; no secrets.", of=(str, int, bool)),
    "ready": Key(
        (str, dict),
        "alive",
        "When the process counts as ready: `alive` for `ready_seconds`, `notify` (sd_notify), or once "
        "`{command: …}` succeeds.",
        of=str,
    ),
    "ready_seconds": Key(
        int,
        0,
        "How long the process must stay alive (0 means 5), or may take to become ready with the other "
        "two (0 means 60).",
        range=(0, 3600),
    ),
    "handover": Key(
        str,
        "overlap",
        "How a release replaces the previous one: `overlap` runs both until the old one has finished; "
        "`stop_first` never runs two at once.",
        ("overlap", STOP_FIRST),
    ),
    "on": Key(
        str,
        "",
        "Which of the app's hosts run the process: `every`, only the `first`, or those of the inventory's group `web` or "
        "`worker`. Empty means `every`, or `first` with `schedule` or `handover: stop_first`.",
        ("", "every", "first", "web", "worker"),
    ),
    "schedule": Key(
        str,
        "",
        "Run the command at these times instead of permanently: a systemd calendar expression, such as `'*-*-* "
        "06:00'`.",
    ),
    "timeout_seconds": Key(
        int, 3600, "With `schedule`: maximum time for a run before it is stopped; 0 means no limit.", range=(0, 604800)
    ),
    "jitter_seconds": Key(
        int,
        0,
        "With `schedule`: delay each run by a random time up to this, so that many hosts don't start at once.",
        range=(0, 86400),
    ),
    "catch_up": Key(bool, True, "With `schedule`: run after a boot if the host was off at the scheduled time."),
}
ONLY_SCHEDULED = ("timeout_seconds", "jitter_seconds", "catch_up")
NEVER_SCHEDULED = ("instances", "ready", "ready_seconds", "handover")
"""Keys of a process that runs all the time."""


def problems(processes: Any) -> list[str]:
    """Return what is wrong with the PROCESSES of a service, name to keys, one sentence each. No value of a variable is shown."""
    if not isinstance(processes, Mapping):
        return ["'processes' must be a mapping such as {worker: {command: celery -A shop.tasks worker}}"]
    return [f"process '{name}': {text}" for name, entry in processes.items() for text in _problems_of(str(name), entry)]


def named(entry: Mapping[Any, Any]) -> dict[str, Any]:
    """Return an ENTRY with its keys as they were written: YAML reads a bare `on` as true."""
    return {"on" if key is True else str(key): value for key, value in entry.items()}


def _problems_of(name: str, entry: Any) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield "its name must be 1 to 20 lower-case letters, digits and hyphens, and start with a letter"
    elif name in RESERVED:
        yield f"its name is taken by what an app has anyway ({', '.join(RESERVED)}); choose another"
    if not isinstance(entry, Mapping):
        yield "it must be a mapping with at least `command`"
        return
    entry = named(entry)
    for key in entry:
        if key not in KEYS:
            yield f"unknown key '{key}'{nearest(key, KEYS)}"
    if not entry.get("command"):
        yield f"'command' is missing. {KEYS['command'].text}"
    good = {}
    for key, value in entry.items():
        if wrong := _value_problem(str(key), value):
            yield wrong
        else:
            good[key] = value
    yield from _together(good)


def _value_problem(name: str, value: Any) -> str:
    """Return what is wrong with the VALUE of a known key by itself, "" when nothing is."""
    if (key := KEYS.get(name)) is None:
        return ""
    if name == "schedule":
        return f"'schedule' {wrong}" if value != "" and (wrong := expression.problem(value)) else ""
    if key.kind is int:
        low, high = key.range or (0, 0)
        if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)) or not low <= int(value) <= high:
            return f"'{name}' is '{value}'; it must be a whole number from {low} to {high}. {key.text}"
    elif not isinstance(value, key.kind):
        return f"'{name}' must be {KIND_NAMES.get(key.kind, 'text or a mapping')}. {key.text}"
    elif key.choices and value not in key.choices:
        return f"'{name}' is '{value}'; it must be one of {', '.join(key.choices)}"
    return ""


def _together(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with values that are right by themselves."""
    unfit = NEVER_SCHEDULED if entry.get("schedule") else ONLY_SCHEDULED
    why = "for a process that runs all the time, and this one has a `schedule`"
    for key in (key for key in unfit if entry.get(key, KEYS[key].default) != KEYS[key].default):
        yield f"'{key}' is {why if entry.get('schedule') else 'only for a process with `schedule`'}; remove it"
    lines = [("'command'", entry.get("command"))]
    ready = entry.get("ready", "alive")
    if isinstance(ready, Mapping):
        if set(ready) != {"command"} or not isinstance(ready["command"], str):
            yield "'ready' must be `alive`, `notify` or `{command: …}`"
        else:
            lines.append(("the command of 'ready'", ready["command"]))
    elif ready not in ("alive", "notify"):
        yield f"'ready' is '{ready}'; it must be `alive`, `notify` or `{{command: …}}`"
    for where, line in lines:
        if isinstance(line, str) and line:
            try:
                if not app_command.program(line):
                    yield f"{where} has no program"
            except CommandError as error:
                yield f"{where} {error}"
    if entry.get("handover") == STOP_FIRST and int(entry.get("instances", 1)) > 1:
        yield "'instances' is more than 1, but with `handover: stop_first` there are never two; remove one of both"
    for name, value in entry.get("environment", {}).items():
        if str(name) in OWNED:
            yield f"'environment' has '{name}': the unit sets this variable itself; give yours another name"
        elif problem := service_problems.variable_problem(str(name), value):
            yield f"'environment' has '{name}': {problem.rstrip('.')}"


def complete(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ENTRY with all its keys."""
    given = named(entry)
    whole = {name: given.get(name, key.default) for name, key in KEYS.items()}
    alone = whole["schedule"] or whole["handover"] == STOP_FIRST  # never two at once, also not on two hosts
    whole["on"] = whole["on"] or ("first" if alone else "every")
    if not int(whole["ready_seconds"]) and not whole["schedule"]:
        whole["ready_seconds"] = ALIVE_SECONDS if whole["ready"] == "alive" else READY_SECONDS
    return whole
