# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Our own code in an image: the modules that its commands need, found by their imports, and the commands themselves.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._image import places

PLUGINS = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.slipway.flask.plugins"
MODULE = f"{PACKAGE}.module_utils._image"
COMMANDS = {places.RUN: "entry", places.MIGRATE: "migrate", places.HEALTH: "healthy"}
# -I: nothing that the app's folder, or a variable of its, has in store is imported for these.
COMMAND = f"""\
#!{places.VENV}/bin/python -I
import sys

sys.path.insert(0, "{places.LIB}")
from {MODULE}.{{module}} import main

main()
"""


@cache
def files() -> dict[str, bytes]:
    """Return our files by their paths below the image's folder of tools."""
    found = {f"bin/{name}": COMMAND.format(module=module).encode() for name, module in COMMANDS.items()}
    for path in sorted(closure([PLUGINS / f"module_utils/_image/{module}.py" for module in COMMANDS.values()])):
        place = Path("lib", *PACKAGE.split(".")) / path.relative_to(PLUGINS)
        found[str(place)] = path.read_bytes()
    return found


def closure(files: list[Path]) -> set[Path]:
    """Return FILES with all of ours that they import, in functions, too."""
    found: set[Path] = set()
    todo = list(files)
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += imported(file)
    return found


def imported(file: Path) -> Iterator[Path]:
    """Yield our files that FILE imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{PACKAGE}."):
            base = PLUGINS.joinpath(*str(node.module).removeprefix(f"{PACKAGE}.").split("."))
            for path in (base.with_suffix(".py"), *(base / f"{name.name}.py" for name in node.names)):
                if path.is_file():
                    yield path
