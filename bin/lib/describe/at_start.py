# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether the app can't be imported without writing: `writes_at_import`.

What Slipway leaves out by itself is no reason: `create_all()`, Alembic's `upgrade`, folders and logs in a shared folder
(plugins/module_utils/_migration/guard.py), a write whose failure the app catches. A file that is in no shared folder isn't either:
it can't be written at any time.
"""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from typing import Any

from describe.app import App
from describe.code import UNKNOWN, argument, called, dotted, inside, text
from describe.started import Start
from describe.tree import Module

SQL = re.compile(r"\s*(CREATE|INSERT|UPDATE|ALTER|DELETE|DROP|REPLACE|TRUNCATE)\s", re.IGNORECASE)
EXECUTE = ("execute", "executemany", "executescript")
ADDS = re.compile(r"session\.(add|add_all|merge|delete|bulk_\w+|execute)$")


def find(app: App) -> None:
    """Say `writes_at_import`, or nothing of code that is nested too deeply to be followed."""
    with suppress(RecursionError):
        _find(app)


def _find(app: App) -> None:
    """Say `writes_at_import`: a line when a first start writes for sure, else a suggestion."""
    maybe = ""
    for module, call, scope, sure in Start(app).steps(str(app.value("wsgi") or "")):
        what, certain = _write(app, module, call, scope)
        if what and sure and certain:
            app.say("writes_at_import", True, f"{module.where(call)} {what} when the app is imported")
            return
        maybe = maybe or (f"{module.where(call)} {what} when the app is imported, perhaps" if what else "")
    if maybe:
        app.say("writes_at_import", True, maybe, off=True)


def _write(app: App, module: Module, call: ast.Call, scope: ast.AST) -> tuple[str, bool]:
    """Return what a CALL writes, "" for nothing, and whether it does so for sure."""
    name = called(module, call)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method in EXECUTE:
        return _statement(app, module, call, scope, method)
    if method == "create_tables":
        return "makes tables", True
    if re.search(r"(^|\.)session\.commit$", dotted(call.func)):
        return "commits to the database", any(
            isinstance(one, ast.Call) and ADDS.search(dotted(one.func)) for one in ast.walk(scope)
        )
    target: ast.expr | None = None
    if name in ("open", "io.open") and re.match(r"[wax]", str(app.values.of(module, argument(call, 1, "mode")))):
        target = argument(call, 0, "file")
    elif isinstance(call.func, ast.Attribute) and (
        method in ("write_text", "write_bytes")
        or (method == "open" and re.match(r"[wax]b?$", text(argument(call, 0, "mode"))))
    ):
        target = call.func.value
    elif re.fullmatch(r"shutil\.copy(file|2|tree)?", name):
        target = argument(call, 1, "dst")
    return _file(app, app.values.of(module, target)) if target is not None else ("", False)


def _file(app: App, path: Any) -> tuple[str, bool]:
    if path is UNKNOWN:
        return "writes a file", False
    below = inside(path)
    shared = app.value("shared_folders") or []
    known = any(f"{below}/".startswith(f"{folder}/") for folder in shared) if below else False
    return (f"writes {below}", True) if known else ("", False)


def _statement(app: App, module: Module, call: ast.Call, scope: ast.AST, method: str) -> tuple[str, bool]:
    """Return the kind of a statement that changes something; one that is read from a file with SQL makes tables."""
    given = argument(call, 0, "sql", "query", "statement")
    if isinstance(given, ast.Call) and given.args and called(module, given).rpartition(".")[2] in ("text", "SQL"):
        given = given.args[0]
    if isinstance(given, ast.JoinedStr) and given.values:
        given = given.values[0]
    value = app.values.of(module, given) if given is not None else UNKNOWN
    if isinstance(value, str):
        found = SQL.match(value)
        return (f"runs {found[1].upper()}", True) if found else ("", False)
    files = (
        [text(one) for one in ast.walk(scope) if text(one).endswith(".sql")]
        if isinstance(scope, ast.FunctionDef)
        else []
    )
    if files:
        return f"runs {files[0]}", True
    return ("runs a script of SQL", True) if method == "executescript" else ("", False)
