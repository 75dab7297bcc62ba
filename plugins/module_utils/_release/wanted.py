# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The settings that the next release gets a copy of: every file of the app's settings folder, whatever it is called.

Roles write them there. A file more, for a process more, needs nothing here. Folders, links and hidden files are left out.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import file_hash
from ansible_collections.slipway.flask.plugins.module_utils._release.settings import differences

FOLDER = "{release_folder}"
"""What stands for the release's folder in settings of the app; in what is a process's own, nothing is filled in."""


def wanted(context: Context) -> list[Process]:
    """Return the processes that the next release has."""
    return [process for process in context.processes if process.has()]


def needed(context: Context) -> list[Path]:
    """Return the files without which no release can start."""
    units = [process.unit_file() for process in wanted(context)]
    names = [environment_file.NAME, *(name for process in wanted(context) for name in process.files)]
    return [*units, *map(context.wanted, names)]


def files(folder: Path) -> list[Path]:
    """Return the files of the settings FOLDER, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )  # fmt: skip


def hashes(context: Context) -> dict[str, Any]:
    """Return the hash of each file that decides how the next release runs: settings, and units of its processes.

    What every app of a kind has stands under its own name, as it did when there was no more: by another name for the same,
    each app would be deployed again after an update of the collection.
    """
    known = {environment_file.NAME, *(name for process in wanted(context) for name in process.files)}
    there = {path.name: file_hash(path) for path in files(context.paths.settings)}
    more = {name: there[name] for name in there.keys() - known}
    return {
        **{name: there.get(name, "") for name in known},
        **{process.title: file_hash(process.unit_file()) for process in wanted(context)},
        **({"settings": more} if more else {}),
    }


def copy(context: Context) -> None:
    """Give the release a copy of all of it. What only root may read stays so; the rest the app's group may read."""
    own = {name for process in wanted(context) for name in process.files}
    context.folder(context.paths.settings_of(context.record.id), 0, 0o750)
    for path in files(context.paths.settings):
        content, secret = path.read_bytes(), not path.stat().st_mode & 0o077
        if path.name not in own:
            content = content.replace(FOLDER.encode(), str(context.here).encode())
        place = context.paths.settings_of(context.record.id) / path.name
        context.write(place, content, 0, 0 if secret else context.gid, 0o600 if secret else 0o640)


def changes(context: Context, previous: str) -> dict[str, dict[str, list[str]]]:
    """Return the names of the settings that are other ones than those of the release PREVIOUS, by what they are in."""
    pairs = []
    for path in files(context.paths.settings):
        mine = context.paths.settings_of(context.record.id) / path.name  # with the scheme that fits the driver
        there = context.paths.settings_of(previous) / path.name
        pairs.append((path.name.partition(".")[0], there, mine if mine.exists() else path))
    pairs += [(process.title, process.unit_file(previous), process.unit_file()) for process in wanted(context)]
    found = {}
    for name, there, new_file in pairs:
        if not there.exists():
            continue
        old = there.read_text(errors="replace").replace(str(context.paths.release(previous)), FOLDER)
        new = new_file.read_text(errors="replace").replace(str(context.here), FOLDER)
        if changed := differences(*read(new_file.suffix, old, new)):
            found[name] = changed
    return found


def unexpected(context: Context) -> dict[str, dict[str, list[str]]]:
    """Return the names of what the run is told to expect in files of the settings and the host has otherwise, by file."""
    found = {}
    for name, text in context.request.expected_settings.items():
        file = context.wanted(name)
        there = file.read_text(errors="replace") if file.exists() else ""
        if there != text and (changed := differences(*read(file.suffix, there, text))):
            found[file.stem] = changed
    return found


def read(suffix: str, *texts: str) -> list[Mapping[str, str]]:
    """Return the settings in TEXTS of files that end in SUFFIX, by name where all can be read so."""
    try:
        return [READERS.get(suffix, whole)(text) for text in texts]
    except (SyntaxError, ValueError, AttributeError):
        return [whole(text) for text in texts]


def assignments(text: str) -> dict[str, str]:
    """Return what a Python file's top level says under each name: settings, functions and classes."""
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            found |= {ast.unparse(target): ast.unparse(node.value) for target in node.targets}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[f"{node.name}()"] = ast.unparse(node)
    return found


def directives(text: str) -> dict[str, str]:
    """Return the values of each directive of a unit file; one that stands several times has them all."""
    found: dict[str, str] = {}
    for name, value in re.findall(r"^(\w+)\s*=(.*)$", text, re.MULTILINE):
        found[name] = f"{found.get(name, '')}{value.strip()}\n"
    return found


def entries(text: str) -> dict[str, str]:
    """Return what a JSON file's mapping has under each name."""
    return {name: json.dumps(value) for name, value in json.loads(text or "{}").items()}


def whole(text: str) -> dict[str, str]:
    """Return the TEXT of a file of which nothing more is known as its one setting."""
    return {"contents": text}


READERS: Mapping[str, Callable[[str], Mapping[str, str]]] = {
    "": environment_file.environment_of, ".py": assignments, ".json": entries,
    **dict.fromkeys((".service", ".timer"), directives),
}  # fmt: skip
"""End of a file's name -> what reads its settings by name."""
