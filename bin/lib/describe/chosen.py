# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The variable that chooses between settings for development and for production."""

from __future__ import annotations

import ast
import re

from describe import settings
from describe.app import App
from describe.code import text


def find(app: App) -> None:
    """Say the variable that chooses between settings for development and production."""
    for read in settings.reads(app):
        if not re.search(r"CONFIG|SETTINGS|_ENV$|^ENV$|ENVIRONMENT|_MODE$|STAGE", read.name) or read.name in (
            "FLASK_ENV",
        ):
            continue
        value = read.default if isinstance(read.default, str) else ""
        production = _production(app, value)
        if production and production != value:
            app.also(
                "environment", read.name, production, f"{read.where} reads it" + (f", else {value!r}" if value else "")
            )


def _production(app: App, default: str) -> str:
    """Return what stands for production among the names that DEFAULT is one of, "" for nothing."""
    if re.search(r"(?i)prod", default):
        return default
    module_name, _, _ = default.rpartition(".")
    for module in app.tree.modules:
        classes = [node.name for node in module.tree.body if isinstance(node, ast.ClassDef)]
        wanted = next((name for name in classes if re.match(r"(?i)prod", name)), "")
        if wanted and module_name and module.name == module_name:
            return f"{module_name}.{wanted}"
        if default and not module_name or not default:
            for node in module.nodes:
                keys = [text(key) for key in node.keys if key is not None] if isinstance(node, ast.Dict) else []
                named = next((key for key in keys if re.fullmatch(r"(?i)prod(uction)?", key)), "")
                if named and (default in keys or (not default and any(re.match(r"(?i)dev|test", key) for key in keys))):
                    return named
    return ""
