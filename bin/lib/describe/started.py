# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What runs when the WSGI entry is imported: modules, and the functions that they call, such as the app's factory."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from describe.app import App
from describe.code import bound, called, dotted, full, is_main, text
from describe.tree import Module

DEPTH, MODULES = 6, 300
"""Most calls inside each other that are followed, most modules that are read."""
THERE = re.compile(
    r"(?i)exist|is_?file|is_?dir|has_table|table_names|first\(|count\(|\.all\(|one_or_none|initiali[sz]ed|\.get\(1\)"
)
OTHERWISE = re.compile(r"(?i)skip|debug|testing|\btest")
"""Words of a condition that is false where an app starts for the first time, or in production."""
CAUGHT = re.compile(
    r"(^|\.)(Base)?Exception$|(OS|IO|Environment|Permission|Operational|Programming|Database|SQLAlchemy)Error$"
)
Step = tuple[Module, ast.Call, ast.AST, bool]
"""(module, call, the function or module that it stands in, whether a first start comes there for sure)"""


@dataclass
class Start:
    """What an app's start runs, in order; nothing whose failure the app itself catches."""

    app: App
    seen: set[str] = field(default_factory=set)
    done: set[tuple[int, bool]] = field(default_factory=set)

    def steps(self, entry: str) -> Iterator[Step]:
        name, _, made = entry.partition(":")
        module = self.app.tree.by_name.get(name)
        if module is None:
            return
        yield from self._import(name, sure=True)
        if made.endswith(")"):
            yield from self._function(module, re.sub(r"\(.*", "", made), True, 0)

    def _import(self, name: str, sure: bool) -> Iterator[Step]:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):  # with the packages around it
            module = self.app.tree.by_name.get(".".join(parts[:end]))
            if module is None or module.path in self.seen or len(self.seen) >= MODULES:
                continue
            self.seen.add(module.path)
            yield from self._body(module, module.tree, module.tree.body, sure, 0)

    def _function(self, module: Module, name: str, sure: bool, depth: int) -> Iterator[Step]:
        found = bound(module).get(name)
        if isinstance(found, ast.ImportFrom):
            other, _, name = module.aliases.get(name, "").rpartition(".")
            inner = self.app.tree.by_name.get(other)
            found = bound(inner).get(name) if inner else None
            module = inner or module
        if not isinstance(found, ast.FunctionDef) or depth > DEPTH or (id(found), sure) in self.done:
            return
        if any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in ast.walk(found)):
            return
        self.done.add((id(found), sure))
        yield from self._body(module, found, found.body, sure, depth + 1)

    def _body(self, module: Module, scope: ast.AST, body: list[ast.stmt], sure: bool, depth: int) -> Iterator[Step]:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                base = f"{module.base(node)}." if isinstance(node, ast.ImportFrom) else ""
                for one in node.names:
                    yield from self._import(f"{base}{one.name}", sure)
            elif isinstance(node, ast.If):
                yield from self._if(module, scope, node, sure, depth)
                if _leaves(node.body) and not _later(node.test):
                    sure = False
            elif isinstance(node, ast.Try):
                if not any(map(_catches, node.handlers)):
                    yield from self._body(module, scope, node.body, sure, depth)
                for handler in node.handlers:
                    yield from self._body(module, scope, handler.body, False, depth)
                yield from self._body(module, scope, [*node.orelse, *node.finalbody], sure, depth)
                sure = sure and not any(_leaves(handler.body) for handler in node.handlers)
            elif isinstance(node, (ast.With, ast.ClassDef, ast.For, ast.While)):
                heads = [one.context_expr for one in node.items] if isinstance(node, ast.With) else []
                if any(called(module, one).endswith("suppress") for one in heads):
                    continue
                for head in heads:
                    yield from self._calls(module, scope, head, sure, depth)
                certain = (
                    sure and not isinstance(node, ast.While) and (not isinstance(node, ast.For) or _turns(scope, node))
                )
                yield from self._body(module, scope, node.body, certain, depth)
            else:
                yield from self._calls(module, scope, node, sure, depth)
                if isinstance(node, (ast.Return, ast.Raise)):
                    return

    def _if(self, module: Module, scope: ast.AST, node: ast.If, sure: bool, depth: int) -> Iterator[Step]:
        if is_main(node) or dotted(node.test).endswith("TYPE_CHECKING"):
            yield from self._body(module, scope, node.orelse, sure, depth)
            return
        yield from self._calls(module, scope, node.test, sure, depth)
        if not _later(node.test):
            yield from self._body(module, scope, node.body, sure and _at_first(node.test), depth)
        yield from self._body(module, scope, node.orelse, sure and _later(node.test), depth)

    def _calls(self, module: Module, scope: ast.AST, node: ast.AST, sure: bool, depth: int) -> Iterator[Step]:
        for one in _evaluated(node):
            yield module, one, scope, sure
            owner, _, name = full(module, one.func).rpartition(".")
            other = self.app.tree.by_name.get(owner) if owner else module
            if other and name:
                yield from self._function(other, name, sure, depth)


def _evaluated(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls in NODE, without those of a lambda."""
    if isinstance(node, ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        yield from _evaluated(child)
    if isinstance(node, ast.Call):
        yield node


def _later(test: ast.expr) -> bool:
    """Tell whether a condition is true only after a first start, or outside of production."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) or isinstance(test, (ast.BoolOp, ast.Compare)):
        return False
    return bool(THERE.search(ast.unparse(test)) or OTHERWISE.search(ast.unparse(test)))


def _at_first(test: ast.expr) -> bool:
    """Tell whether a condition is true at a first start: `not os.path.exists(…)`, `User.query.count() == 0`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _later(test.operand)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.comparators[0], ast.Constant):
        none = test.comparators[0].value is None or test.comparators[0].value == 0
        return none and isinstance(test.ops[0], (ast.Eq, ast.Is)) and bool(THERE.search(ast.unparse(test.left)))
    return isinstance(test, ast.Constant) and bool(test.value)


def _turns(scope: ast.AST, node: ast.For) -> bool:
    """Tell whether a loop surely has a turn: over values that stand there, or statements of a file with SQL."""
    stands = isinstance(node.iter, (ast.List, ast.Tuple)) and bool(node.iter.elts)
    return stands or isinstance(scope, ast.FunctionDef) and any(text(one).endswith(".sql") for one in ast.walk(scope))


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return)


def _catches(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler goes on after a write that failed."""
    if any(isinstance(one, ast.Raise) for one in ast.walk(handler)):
        return False
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or CAUGHT.search(dotted(kind)) for kind in kinds)
