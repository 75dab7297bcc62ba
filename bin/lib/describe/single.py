# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of the web may run only once: a schedule inside of the app, clients that must meet the same process again."""

from __future__ import annotations

import ast
import re

from describe.app import App
from describe.code import at_import


def find(app: App) -> None:
    """Say `handover`, `workers` and `threads`."""
    _once(app)
    _sockets(app)


def _once(app: App) -> None:
    """Say that the app must be one process where it runs a schedule inside of itself."""
    where = app.imports("apscheduler", "flask_apscheduler")
    if where:
        app.say(
            "handover", "stop_first", f"{where} runs a schedule inside the app, which two processes would run twice"
        )
        app.say("workers", 1, f"{where}, for the same reason")
        app.notes.append(
            f"{where} runs a schedule inside the web process: as a process with `schedule:` it would run beside any number of "
            "workers"
        )
        return
    for module in app.tree.modules:
        for node in module.nodes:
            started = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "start"
            if started and at_import(module, node) and re.search(r"thread|timer|process", ast.unparse(node).lower()):
                app.notes.append(
                    f"{module.where(node)} starts a thread when it is imported, one in each worker process: `workers: 1` if it "
                    "must be one"
                )
                return


def _sockets(app: App) -> None:
    where = app.imports("flask_socketio")
    if where:
        app.more("streaming", "/socket.io", f"{where} is Flask-SocketIO")
        app.say("workers", 1, f"{where}: a client must meet the same process again")
        app.say("threads", 100, "each open connection holds one")
