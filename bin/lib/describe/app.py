# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is collected about an app: the lines of its entry with the reason of each, and what a person should look at."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from describe.tree import Tree
from describe.values import Values

TODO = "TODO"
TEMPLATE = re.compile(r"\{[{%#]")
OURS = re.compile(r"\{\{ vault_\w+ \}\}")


@dataclass
class Line:
    """A line of the entry. OFF: a suggestion, printed as a comment."""

    key: str
    value: Any
    why: str
    off: bool = False


def harmless(value: Any) -> Any:
    """Return a VALUE in which nothing of the source's is a template: Ansible would run it, here."""
    if isinstance(value, dict):
        return {harmless(name): harmless(one) for name, one in value.items()}
    if isinstance(value, list):
        return [harmless(one) for one in value]
    if isinstance(value, str) and TEMPLATE.search(value) and not OURS.fullmatch(value):
        return f"{TODO}: the source has a template here, which Ansible would run; write what is meant"
    return value


@dataclass(eq=False)
class App:
    """An app's source, and what has been found out about it."""

    tree: Tree
    name: str
    lines: dict[str, Line] = field(default_factory=dict)
    inner: dict[str, dict[str, Line]] = field(default_factory=dict)
    dangers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    vault: dict[str, str] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    """What the app's lists name, normalised."""
    commands: list[tuple[str, str, str]] = field(default_factory=list)
    """Command lines that the source has for its processes: (process, command, where)."""

    @cached_property
    def values(self) -> Values:
        return Values(self.tree)

    def say(self, key: str, value: Any, why: str, off: bool = False) -> None:
        """Set a key of the entry; what is said first stays."""
        self.lines.setdefault(key, Line(key, harmless(value), why, off))

    def also(self, key: str, name: str, value: Any, why: str, off: bool = False) -> None:
        """Set a NAME inside a key that is a mapping; one that counts goes before a suggestion."""
        inner = self.inner.setdefault(key, {})
        if name not in inner or (inner[name].off and not off):
            inner[name] = Line(harmless(name), harmless(value), why, off)

    def more(self, key: str, value: Any, why: str) -> None:
        """Add to a key that is a list."""
        line, value = self.lines.setdefault(key, Line(key, [], "")), harmless(value)
        if value not in line.value:
            line.value.append(value)
            line.why = "; ".join(filter(None, [line.why, why])) if why not in line.why else line.why

    def value(self, key: str) -> Any:
        line = self.lines.get(key)
        return None if line is None or line.off else line.value

    def secret(self, variable: str, value: str, why: str) -> None:
        """Put a variable among the secrets, its value into the vault."""
        self.also("secrets", variable, "{{ " + self.vaulted(variable, value) + " }}", why)

    def vaulted(self, variable: str, value: str) -> str:
        """Put a VALUE into the vault and return the name that it has there."""
        name = self.vault_name(variable)
        self.vault.setdefault(name, value)
        return name

    def vault_name(self, variable: str) -> str:
        return f"vault_{self.name}_{variable}".lower().replace("-", "_")

    def has(self, *names: str) -> bool:
        """Tell whether a list names one of these packages."""
        return any(name in self.packages for name in names)

    def imports(self, *names: str) -> str:
        """Return where the app's code imports one of these modules, "" when it does nowhere."""
        return next(
            (where for meant, where in self._imported if meant.partition(".")[0] in names or meant in names), ""
        )

    @cached_property
    def _imported(self) -> list[tuple[str, str]]:
        return [
            (meant, module.where(node))
            for module in self.tree.modules
            for node in module.nodes
            for meant in module_names(node)
        ]


def slug(text: str, most: int, otherwise: str) -> str:
    """Return TEXT as an app or a process may be called, at MOST so long; OTHERWISE when nothing of it is left."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return re.sub(r"^[^a-z]+", "", name)[:most].strip("-") or otherwise


def module_names(node: ast.AST) -> list[str]:
    """Return the modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []
