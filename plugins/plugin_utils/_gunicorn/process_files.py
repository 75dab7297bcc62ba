# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written for a process of a service beside its web process: its unit's part, and what a deploy knows of it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import value_text
from ansible_collections.slipway.flask.plugins.module_utils._process import names, settings
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.process import RUNTIME, STOP_FIRST

PLAIN = re.compile(r"[\w@./:=+,-]+", re.ASCII)
"""A word of ExecStart= that needs no quotes."""
FOLDER = "{release_folder}"
TRACING = "/usr/local/lib/slipway/tracing"
"""Where Python finds, when it starts for a process whose jobs are traced, what begins to trace them."""
PATH = "PYTHONPATH"


def in_unit(
    name: str, entry: Mapping[str, Any], folder: str, shared: Mapping[str, Any], number: int = 1, traced: bool = False
) -> dict[str, Any]:
    """Return the instance NUMBER of the process NAME, whose ENTRY has all keys, as the unit's template reads it.

    FOLDER is its release's, SHARED are variables of the service whose values may be seen in `ps`; TRACED is whether its jobs are.
    """
    variables = dict(entry["environment"])
    if traced:
        variables[PATH] = ":".join(filter(None, (TRACING, value_text(variables.get(PATH, shared.get(PATH, ""))))))
    own = [unit_quote(f"{key}={value_text(value)}") for key, value in variables.items()]
    words = app_command.split(entry["command"])
    if set(app_command.references(words)) <= {*shared, *entry["environment"], *RUNTIME}:
        argv = [_in_place(word, entry["environment"]).replace(FOLDER, folder) for word in words]
    else:
        argv = list(map(unit_quote, app_command.argv(words)))
    return {
        **entry,
        "name": name,
        "instance_name": name if number == 1 else f"{name}.{number}",
        "handover": entry["handover"] if entry["handover"] == STOP_FIRST else "",
        "own_environment": "".join(f" {text.replace(FOLDER, folder)}" for text in own),
        "argv": " ".join(argv),
    }


def _in_place(word: str, own: Mapping[str, Any]) -> str:
    """Return a WORD as ExecStart= has it: the process's OWN variables by value, others to be looked up by systemd."""
    parts = app_command.REFERENCE.split(word)  # text, name, text, name, …
    told = "".join(
        (value_text(own[part]) if part in own else f"\0{part}\0") if number % 2 else part
        for number, part in enumerate(parts)
    )
    if PLAIN.fullmatch(told):
        return told
    return app_command.REFERENCE.sub(r"${\1}", unit_quote(told))


def on_host(entry: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return what a deploy knows of a process: its entry in processes.json, without secrets."""
    ready = entry["ready"]
    asks = isinstance(ready, Mapping)
    program = app_command.program(entry["command"])  # one that a variable names is known only where it runs
    run = {"command": entry["command"], "program": "" if app_command.references([program]) else program}
    own = {key: value_text(value).replace(FOLDER, folder) for key, value in entry["environment"].items()}
    if entry["schedule"]:
        times = {"timeout_seconds": int(entry["timeout_seconds"]), "jitter_seconds": int(entry["jitter_seconds"])}
        catch_up = bool(entry["catch_up"])
        return {
            "kind": "schedule", **run, "schedule": entry["schedule"], "catch_up": catch_up, **times, "environment": own
        }  # fmt: skip
    return {
        "kind": "worker",
        **run,
        "instances": int(entry["instances"]),
        "stop_seconds": int(entry["stop_seconds"]),
        "ready": "command" if asks else ready,
        "ready_seconds": int(entry["ready_seconds"]),
        "ready_label": app_command.label(app_command.split(ready["command"])) if asks else "",
        "ready_command": app_command.argv(app_command.split(ready["command"])) if asks else [],
        "environment": own,
    }


def document(processes: Mapping[str, Mapping[str, Any]], folder: str, web: bool = True) -> str:
    """Return the text of processes.json for PROCESSES whose entries have all keys, "" if there is nothing to say.

    WEB: whether the release has its web process.
    """
    found = {name: on_host(entry, folder) for name, entry in processes.items()}
    if not web:
        found = {names.WEB: {"kind": settings.NONE}, **found}
    return json.dumps(found, indent=1) + "\n" if found else ""


def unit_quote(text: str) -> str:
    """Return TEXT as one argument of ExecStart= or Environment=: no specifier, variable or quote in it is expanded.

    After systemd.service(5), "Command lines": `$$` is a dollar and `%%` a percent sign, also inside quotes.
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"'
