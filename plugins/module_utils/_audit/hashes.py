# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The hashes that a project's lock has of its packages' files: uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile.lock, lists.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._audit.installed import Package, public
from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised

TOML = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
HEAD = re.compile(r"\[\[packages?\]\]")
FIELD = re.compile(r'(name|version) = "([^"]*)"')
TABLE = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
VALUE = re.compile(r'\b(\w+) ?= ?"([^"]*)"')
PINNED = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\]\s*)?==\s*([^\s;\\]+)")
HASH = re.compile(r"--hash[=\s]\s*sha256:([0-9a-f]{64})")
LONGEST = 255
"""Characters of a file's name. A longer one, which is none, could have any number of tags."""
SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


@dataclass(frozen=True)
class File:
    """One file of a package in one version, by its SHA-256; NAME and URL are "" where the lock does not say."""

    sha256: str
    name: str = ""
    url: str = ""


Files = dict[tuple[str, str], list[File]]
"""The files by a package's normalised name and version."""


def files_of(project: Path, lists: Iterable[str] = ()) -> Files:
    """Return what the locks in the folder PROJECT and its LISTS of requirements say; what can't be read says nothing."""
    found: Files = {}
    for name in (*TOML, "Pipfile.lock", *(lists or ("requirements.txt",))):
        try:
            text = tree.read(project / name)
            rows = _toml(text) if name in TOML else _pipfile(text) if name == "Pipfile.lock" else _list(text)
            for package, version, file in rows:
                known = found.setdefault((normalised(package), version), [])
                if file.sha256 not in [one.sha256 for one in known]:
                    known.append(file)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
            continue
    return found


def _toml(text: str) -> Iterator[tuple[str, str, File]]:
    """Read a lock line by line: tools write them all alike, and a TOML parser takes half a second for a large one."""
    fields, own = dict[str, str](), False
    for line in text.splitlines():
        if line.startswith("["):
            own = bool(HEAD.match(line))
            fields = {} if own else fields
        elif own and (found := FIELD.match(line)):
            fields[found[1]] = found[2]
        if "sha256" in line and fields.keys() >= {"name", "version"}:
            for entry in TABLE.findall(line):
                if file := _file(dict(VALUE.findall(entry))):
                    yield fields["name"], fields["version"], file


def _file(entry: Mapping[str, str]) -> File | None:
    """Return a file as one of the formats has it, None without a SHA-256."""
    found = SHA256.fullmatch(entry.get("hash") or entry.get("sha256") or "")
    if not found:
        return None
    url = entry.get("url") or ""
    url = public(url) if url.startswith("https://") else ""
    return File(found[1], entry.get("file") or entry.get("name") or url.rpartition("/")[2], url)


def _pipfile(text: str) -> Iterator[tuple[str, str, File]]:
    for name, entry in json.loads(text)["default"].items():
        for one in entry.get("hashes") or ():
            if found := SHA256.fullmatch(str(one)):
                yield str(name), str(entry.get("version") or "").removeprefix("=="), File(found[1])


def _list(text: str) -> Iterator[tuple[str, str, File]]:
    for line in text.replace("\\\n", " ").splitlines():
        if pinned := PINNED.match(line):
            for found in HASH.finditer(line):
                yield pinned[1], pinned[2], File(found[1])


def installed_file(package: Package, files: Iterable[File]) -> File | None:
    """Return which of FILES the PACKAGE was installed from, None when that can't be told: by the wheel's tags, or the only one."""
    all_of = list(files)
    if len(all_of) == 1:
        return all_of[0]
    found = [file for file in all_of if file.name.endswith(".whl") and _tags(file.name) & set(package.tags)]
    return found[0] if len(found) == 1 else None


def _tags(name: str) -> set[str]:
    """Return the tags of the wheel that is called NAME, of which it can have several of each kind."""
    parts = name.removesuffix(".whl").split("-")[-3:]
    if len(parts) != 3 or len(name) > LONGEST:
        return set()
    pythons, abis, platforms = (part.split(".") for part in parts)
    return {f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms}
