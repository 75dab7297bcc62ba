# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The part of module_utils that a program on a host needs, as files: all that it imports, whoever imports it.

Such a program (`slipway-backup`, `slipway-certificates`) runs from timers, without Ansible.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._source import url_parts

FOLDER = PurePosixPath("/usr/local/lib/slipway")
PACKAGE = PurePosixPath("ansible_collections/slipway/flask/plugins/module_utils")
PREFIX = ".".join(PACKAGE.parts) + "."
IMPORT = re.compile(rf"^ *from {re.escape(PREFIX)}(?P<module>[\w.]+) import (?P<names>\([^)]*\)|.*)$", re.MULTILINE)
HERE = Path(url_parts.__file__).parents[1]
"""module_utils on the controller."""


@cache
def sources(program: str) -> tuple[str, ...]:
    """Return the modules that PROGRAM (`_backup.program`) is made of, itself among them, as `_backup/program`."""
    found: set[str] = set()
    todo = [program.replace(".", "/")]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += _imported(HERE / f"{name}.py")
    return tuple(sorted(found))


def _imported(file: Path) -> Iterator[str]:
    """Yield what FILE imports. Its lines are searched: to parse fifty files takes a quarter of a second, several times a run."""
    for found in IMPORT.finditer(file.read_text()):
        base = found["module"].replace(".", "/")
        for name in (base, *(f"{base}/{word}" for word in re.findall(r"\w+", found["names"]))):
            if (HERE / f"{name}.py").is_file():
                yield name


def paths(names: Sequence[str], folder: PurePosixPath = FOLDER) -> list[PurePosixPath]:
    """Return where the modules with NAMES are on a host."""
    return [folder / PACKAGE / f"{name}.py" for name in names]


def files(program: str, folder: PurePosixPath = FOLDER) -> list[dict[str, Any]]:
    """Return the entries of slipway.flask.files that bring PROGRAM's modules to FOLDER on a host.

    A program that has most of the others' modules has a folder of its own: theirs can then go with them.
    """
    names = sources(program)
    places = paths(names, folder)
    folders = {parent for path in places for parent in path.parents if parent == FOLDER or FOLDER in parent.parents}
    return [
        *({"dest": str(folder), "state": "directory"} for folder in sorted(folders)),
        *(
            {"dest": str(path), "content": (HERE / f"{name}.py").read_text()}
            for name, path in zip(names, places, strict=True)
        ),
    ]


def absent(program: str, others: Sequence[str]) -> list[dict[str, Any]]:
    """Return the entries that remove PROGRAM's modules, but for those that programs of OTHERS have as well."""
    shared = {name for other in others for name in sources(other)}
    gone = [name for name in sources(program) if name not in shared]
    return [{"dest": str(path), "state": "absent"} for path in paths(gone)]
