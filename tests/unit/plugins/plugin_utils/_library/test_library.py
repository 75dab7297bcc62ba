# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a program on a host consists of."""

from __future__ import annotations

import ast

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._library import library

PROGRAMS = ("_backup.program", "_certificates.program")


def imported(name: str) -> set[str]:
    """Return what Python's own parser finds that a module imports."""
    found = set()
    for node in ast.walk(ast.parse((library.HERE / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(library.PREFIX):
            base = str(node.module).removeprefix(library.PREFIX).replace(".", "/")
            found |= {base, *(f"{base}/{alias.name}" for alias in node.names)}
    return {name for name in found if (library.HERE / f"{name}.py").is_file()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_what_it_imports_and_no_more(program: str) -> None:
    names = set(library.sources(program))
    assert names == {program.replace(".", "/")} | {other for name in names for other in imported(name)}
