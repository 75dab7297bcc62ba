# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What stands in an app's code: names as they were made, arguments of calls, what runs when a module is imported."""

from __future__ import annotations

import ast
import posixpath
from functools import cache
from typing import Any

from describe.tree import Module

SOURCE = "/<source>"
"""Stands for the folder of the source in a path that the app makes."""


class Unknown:
    """The value of what can't be told."""

    def __repr__(self) -> str:
        return "unknown"

    def __bool__(self) -> bool:
        return False


UNKNOWN = Unknown()


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for names and attributes, "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def full(module: Module, node: ast.AST) -> str:
    """Return the dotted name that NODE has where it was made: `environ.get` -> `os.environ.get`."""
    first, _, rest = dotted(node).partition(".")
    meant = module.aliases.get(first, first)
    return f"{meant}.{rest}".strip(".") if first else ""


def called(module: Module, node: ast.AST) -> str:
    """Return the whole name of what a call calls, "" for what is no call or of no name."""
    return full(module, node.func) if isinstance(node, ast.Call) else ""


def argument(call: ast.Call, position: int, *names: str) -> ast.expr | None:
    """Return an argument of a call by its POSITION (-1: none) or by one of its NAMES."""
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    if 0 <= position < len(call.args) and not any(isinstance(one, ast.Starred) for one in call.args[: position + 1]):
        return call.args[position]
    return None


def text(node: ast.AST | None) -> str:
    """Return a string constant, "" for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@cache
def bound(module: Module) -> dict[str, ast.AST]:
    """Return what is bound at a module's top: name -> the assignment, definition or import; also within if, try, with."""
    found: dict[str, ast.AST] = {}
    waiting: list[ast.stmt] = list(reversed(module.tree.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):  # not the `app` of app.x = 1
                        found[name.id] = node
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and isinstance(node.target, ast.Name):
            if node.value is not None:
                found.setdefault(node.target.id, node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name_ in node.names:
                found[name_.asname or name_.name.partition(".")[0]] = node
        elif isinstance(node, ast.If) and is_main(node):
            continue
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            inner = [*node.body, *getattr(node, "orelse", [])]
            inner += [one for handler in getattr(node, "handlers", []) for one in handler.body]
            waiting += reversed(inner)
    return found


def is_main(node: ast.AST) -> bool:
    """Tell whether NODE is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and any(
        isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(node.test)
    )


def at_import(module: Module, node: ast.AST) -> bool:
    """Tell whether NODE runs when the module is imported."""
    return not any(
        isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or is_main(one)
        for one in module.above(node)
    )


def absolute(path: str) -> str:
    """Return PATH below SOURCE when it is relative: the app runs in the folder of its code."""
    return posixpath.normpath(path if path.startswith("/") else f"{SOURCE}/{path}")


def inside(path: Any) -> str:
    """Return the part of PATH below the source, "" when it lies elsewhere; a relative path counts from the source."""
    if not isinstance(path, str) or not path or len(path) > 300:
        return ""
    whole = absolute(path)
    return whole.removeprefix(SOURCE).strip("/") if whole.startswith(f"{SOURCE}/") else ""
