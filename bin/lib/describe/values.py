# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The value of an expression in an app's code, as far as it can be told without running it."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable
from functools import cache
from typing import Any

from describe.code import SOURCE, UNKNOWN, absolute, argument, bound, called, dotted, full, text
from describe.tree import Module, Tree

DEPTH = 25


@cache
def assigned(scope: ast.AST) -> dict[str, ast.expr]:
    """Return what a function or class first assigns to each name."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, node.value)
    return found


class Values:
    """Evaluates expressions of the modules of a TREE; paths come out below SOURCE."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.set: Callable[[str], list[tuple[Module, ast.expr]]] = lambda key: []
        """Finds where a setting of app.config gets its value."""
        self.settings: dict[str, Any] = {}

    def of(self, module: Module, node: ast.AST | None, depth: int = 0) -> Any:
        """Return what NODE is, UNKNOWN where that can't be told."""
        if node is None or depth > DEPTH:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        try:
            return method(module, node, depth + 1) if method else UNKNOWN
        except (TypeError, ValueError, ArithmeticError, MemoryError):
            return UNKNOWN

    def _name(self, module: Module, node: ast.Name, depth: int) -> Any:
        if node.id == "__file__":
            return f"{SOURCE}/{module.path}"
        if node.id == "__name__":
            return module.name
        for scope in module.above(node):  # a name of a function or class, assigned once
            if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                value = assigned(scope).get(node.id)
                if value is not None:
                    return self.of(module, value, depth)
        made = bound(module).get(node.id)
        if isinstance(made, (ast.Assign, ast.AnnAssign)):
            simple = isinstance(made, ast.AnnAssign) or isinstance(made.targets[0], ast.Name)
            return self.of(module, made.value, depth) if simple else UNKNOWN
        if isinstance(made, ast.ImportFrom):
            return self._imported(module.aliases.get(node.id, ""), depth)
        return UNKNOWN

    def _imported(self, whole: str, depth: int) -> Any:
        package, _, name = whole.rpartition(".")
        other = self.tree.by_name.get(package)
        made = bound(other).get(name) if other else None
        return self.of(other, made.value, depth) if other and isinstance(made, ast.Assign) else UNKNOWN

    def _attribute(self, module: Module, node: ast.Attribute, depth: int) -> Any:
        if node.attr == "root_path":
            return posixpath.dirname(f"{SOURCE}/{module.path}")
        if node.attr == "instance_path":
            return f"{SOURCE}/instance"  # beside the top package (flask.sansio.app.App.auto_find_instance_path)
        if node.attr in ("parent", "name", "stem"):
            inner = self.of(module, node.value, depth)
            if isinstance(inner, str):
                return posixpath.dirname(inner) if node.attr == "parent" else posixpath.basename(inner)
        made = bound(module).get(dotted(node.value))
        if isinstance(made, ast.ClassDef):
            for one in made.body:
                if isinstance(one, ast.Assign) and any(
                    isinstance(t, ast.Name) and t.id == node.attr for t in one.targets
                ):
                    return self.of(module, one.value, depth)
        return self._imported(full(module, node), depth)

    def _subscript(self, module: Module, node: ast.Subscript, depth: int) -> Any:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            path, number = self.of(module, node.value.value, depth), self.of(module, node.slice, depth)
            for _ in range(number + 1 if isinstance(number, int) and 0 <= number < 10 else 0):
                path = posixpath.dirname(path)
            return path
        return self._setting(node.value, node.slice, depth)

    def _setting(self, holder: ast.AST, key: ast.AST, depth: int) -> Any:
        """Return the value of app.config["KEY"]: each setting is worked out once, one that needs itself is UNKNOWN."""
        name = text(key) if dotted(holder).endswith("config") else ""
        if not name:
            return UNKNOWN
        if name not in self.settings:
            self.settings[name] = UNKNOWN
            found = (self.of(module, value, depth) for module, value in self.set(name))
            self.settings[name] = next((one for one in found if one is not UNKNOWN), UNKNOWN)
        return self.settings[name]

    def _joinedstr(self, module: Module, node: ast.JoinedStr, depth: int) -> Any:
        parts = [
            self.of(module, one.value if isinstance(one, ast.FormattedValue) else one, depth) for one in node.values
        ]
        return UNKNOWN if any(part is UNKNOWN for part in parts) else "".join(map(str, parts))

    def _binop(self, module: Module, node: ast.BinOp, depth: int) -> Any:
        left, right = self.of(module, node.left, depth), self.of(module, node.right, depth)
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if isinstance(node.op, ast.Div):
            return posixpath.join(left, right) if isinstance(left, str) and isinstance(right, str) else left / right
        if isinstance(node.op, ast.Add):
            return left + right if type(left) is type(right) else UNKNOWN
        numbers = isinstance(left, int) and isinstance(right, int) and abs(left) < 2**40 and abs(right) < 2**40
        if isinstance(node.op, ast.Mult) and numbers:
            return left * right
        if isinstance(node.op, ast.Pow) and numbers and 0 <= right < 64:
            return left**right
        return left << right if isinstance(node.op, ast.LShift) and numbers and 0 <= right < 64 else UNKNOWN

    def _boolop(self, module: Module, node: ast.BoolOp, depth: int) -> Any:
        found = [self.of(module, one, depth) for one in node.values]
        return next((one for one in found if one not in (UNKNOWN, None, "", False)), found[-1])

    def _call(self, module: Module, node: ast.Call, depth: int) -> Any:
        name, method = called(module, node), node.func.attr if isinstance(node.func, ast.Attribute) else ""
        given = [self.of(module, one, depth) for one in node.args]
        first = given[0] if given else UNKNOWN
        if name in ("os.path.join", "flask.safe_join", "werkzeug.utils.safe_join"):
            return (
                UNKNOWN
                if UNKNOWN in given or not all(isinstance(one, str) for one in given)
                else posixpath.join(*given)
            )
        if name in ("os.getcwd", "pathlib.Path.cwd"):
            return SOURCE
        if name in ("os.path.dirname", "os.path.basename"):
            return getattr(posixpath, name.rpartition(".")[2])(first) if isinstance(first, str) else UNKNOWN
        if name in ("os.path.abspath", "os.path.realpath", "os.path.normpath") and isinstance(first, str):
            return absolute(first)
        if (
            name in ("pathlib.Path", "pathlib.PurePath", "str", "int", "float", "bool", "os.fspath", "os.path.normcase")
            and given
        ):
            if len(given) > 1 and name.startswith("pathlib"):
                return UNKNOWN if UNKNOWN in given else posixpath.join(*given)
            return int(first) if name == "int" and isinstance(first, (int, str)) else first
        if method in ("resolve", "absolute", "as_posix", "strip", "rstrip", "lower") and isinstance(
            node.func, ast.Attribute
        ):
            inner = self.of(module, node.func.value, depth)
            return absolute(inner) if method in ("resolve", "absolute") and isinstance(inner, str) else inner
        if method == "joinpath" and isinstance(node.func, ast.Attribute):
            inner = self.of(module, node.func.value, depth)
            return posixpath.join(inner, *given) if isinstance(inner, str) and UNKNOWN not in given else UNKNOWN
        if name in ("os.environ.get", "os.getenv") or method in ("get", "getenv", "pop", "setdefault"):
            if isinstance(node.func, ast.Attribute) and node.args:
                value = self._setting(node.func.value, node.args[0], depth)
                if value is not UNKNOWN:
                    return value
            default = argument(node, 1, "default")
            return self.of(module, default, depth) if default is not None else UNKNOWN
        return UNKNOWN
