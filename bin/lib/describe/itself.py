# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app that asks for its own version as a package: it has to be installed, which lists of packages don't do by themselves."""

from __future__ import annotations

import ast
import re

from ansible_collections.slipway.flask.plugins.module_utils._python.project import normalised

from describe.app import App
from describe.code import argument, called
from describe.tree import Module

ASKS = re.compile(
    r"(^|\.)(importlib(\.|_)metadata|metadata|pkg_resources)\.(version|metadata|distribution|get_distribution|require)$"
)
LIST = "slipway-requirements.txt"
NAME = (
    ("pyproject.toml", r"^name\s*=\s*[\"']([\w.-]+)[\"']"),
    ("setup.cfg", r"^name\s*=\s*([\w.-]+)"),
    ("setup.py", r"\bname\s*=\s*[\"']([\w.-]+)[\"']"),
)


def find(app: App) -> None:
    """Say a list that installs the project, too, where it asks for its own version."""
    where = asked(app)
    line = app.lines.get("requirements")
    if not where or app.tree.home or line is None or not isinstance(line.value, list):
        return
    (main,) = line.value[:1] or [""]
    if main.endswith((".lock", ".toml")) and main != "pyproject.toml" or "--hash" in app.tree.text(main):
        app.notes.append(
            f"{where} asks for the app's own version as a package, so the project itself must be installed"
        )
        return
    content = "-e .\n" if main in ("pyproject.toml", "setup.py", "setup.cfg") else f"-r {main}\n-e .\n"
    app.lines.pop("requirements")
    app.say("requirements", [LIST], f"{where} asks for the app's own version as a package, so it must be installed")
    app.also("files", LIST, content, "the project itself, besides what it needs")


def asked(app: App) -> str:
    """Return where the app asks for its own version and does not go on without it, "" for nowhere."""
    names = {
        normalised(match[1])
        for path, pattern in NAME
        if (match := re.search(pattern, app.tree.text(path), re.MULTILINE))
    }
    for module in app.tree.modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and ASKS.search(called(module, node)) and not handled(module, node):
                said = argument(node, 0, "distribution_name", "dist")
                value = app.values.of(module, said)
                if isinstance(value, str) and normalised(value.partition(".")[0]) in names:
                    return module.where(node)
    return ""


def handled(module: Module, node: ast.AST) -> bool:
    """Tell whether an exception is caught around NODE."""
    return any(isinstance(one, ast.Try) and one.handlers for one in module.above(node))
