# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What can be told of an expression in a migration's source without running it.

`SCRIPT` runs under the app's own Python (3.9 or later), before that of `reading`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

SCRIPT = r'''
import ast


def is_known(node, tree):
    """Tell whether what is executed stands in the source with this TREE: as a text, or as an expression of SQLAlchemy."""
    if folded(node) is not None:
        return True
    if isinstance(node, ast.Call):
        inner = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if inner in ("text", "DDL", "str", "format", "strip", "join", "dedent", "replace"):
            first = node.args[0] if node.args and inner not in ("format", "strip", "replace") else (
                node.func.value if isinstance(node.func, ast.Attribute) else None)
            return first is None or is_known(first, tree)
        return True
    if isinstance(node, ast.Name):
        for one in ast.walk(tree):
            if isinstance(one, (ast.For, ast.comprehension)) and node.id in names_of(one.target):
                return not any(isinstance(call, ast.Call) and getattr(call.func, "attr", "") in (
                    "execute", "exec_driver_sql", "scalars", "fetchall", "all", "query") for call in ast.walk(one.iter))
            if isinstance(one, ast.Assign) and any(node.id in names_of(target) for target in one.targets):
                if isinstance(one.value, ast.Name) and one.value.id == node.id:
                    return False
                return is_known(one.value, tree)
        return True  # a function's argument: who calls it is read as well
    return not isinstance(node, (ast.Attribute, ast.Subscript))


def names_of(target):
    return {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}


def folded(node):
    """Return the text that an expression makes, with ? for what is known only at run time; None for another one."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [folded(one) if isinstance(one, ast.Constant) else "?" for one in node.values]
        return "".join(parts) if any(part not in ("?", None) for part in parts) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
        left, right = folded(node.left), folded(node.right)
        if isinstance(node.op, ast.Mod):
            return left
        return None if left is None and right is None else ("?" if left is None else left) + ("?" if right is None else right)
    return None
'''
