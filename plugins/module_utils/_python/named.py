# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. What locks and project files name of the source itself and of repositories.

A host's Python may be 3.10, which has no TOML parser, and locks are of five formats: what is named is found by line
patterns, and only what is there counts.
"""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import lists as lists

# Where locks and project files name a folder, a wheel or a folder of wheels: uv's, Poetry's and PDM's words for it.
NAMED_PATH = re.compile(
    r"""\b(?:path|directory|editable|virtual|url|registry)["']?\s*[=:]\s*["'](?P<target>[^"'\n]+)["']|@\s*(?P<file>file:[^"'\s;]+)"""
)
LINKS = re.compile(r"""\bfind-links\s*=\s*\[(?P<targets>[^\]]*)\]""")
REPOSITORY = re.compile(
    r"""(?:\bgit["']?\s*[=:]\s*|\btype = "git"\nurl = )["'](?P<address>[^"'\s]+(?:://|@)[^"'\s]+)["'](?P<rest>.*)"""
)


def paths(path: Path, base: Path) -> tuple[list[Path], list[Path]]:
    """Return the local folders and archives that a lock or a project file names, seen from BASE."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    links = [
        one for found in LINKS.finditer(text) for one in re.findall(r"""["']([^"']+)["']""", found.group("targets"))
    ]
    links += [found.group("target") for found in re.finditer(r"""registry = ["'](?P<target>[^"']+)["']""", text)]
    places = [lists.located(target, (base,), sure=True, links=True) for target in links]
    archives = [archive for place in places if place and place.is_dir() for archive in lists.archives_in(place)]
    targets = [found.group("target") or found.group("file") for found in NAMED_PATH.finditer(text)]
    located = [lists.located(target, (base,), sure=True) for target in targets]
    archives += [place for place in located if place and place.is_file() and lists.ARCHIVE.search(place.name)]
    folders = [place for place in located if place and place.is_dir()]
    return list(dict.fromkeys(folders)), list(dict.fromkeys(archives))


def repositories(path: Path) -> list[str]:
    """Return the addresses of repositories that a lock or a project file names."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    found = []
    for one in REPOSITORY.finditer(text):
        commit = re.search(r"\b[0-9a-f]{40}\b", one.group())
        found.append(one.group("address") + (f"#{commit.group()}" if commit else ""))
    return found + lists.REPOSITORY.findall(text)
