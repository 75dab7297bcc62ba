# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Pipfile.lock as a list of requirements.

The format is pipenv's (https://github.com/pypa/pipfile): JSON with everything pinned, so `pipenv requirements`, which
does the same and is a large package with an installer of its own, is not needed to read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._python.lists import ProjectError

REPOSITORIES = ("git", "hg", "svn", "bzr")


def rows(text: str, groups: Iterable[str] = ()) -> list[str]:
    """Return the requirement lines that a Pipfile.lock's TEXT stands for, of its default packages and those in GROUPS.

    Hashes are kept when every package has them: one without (of a repository or a folder) makes pip refuse them all.
    Raises ProjectError.
    """
    try:
        lock = json.loads(text)
        named = {group: lock[group] for group in ("default", *groups)}
    except ValueError as error:
        raise ProjectError(f"Pipfile.lock can't be read: {error}; run `pipenv lock` and commit it") from error
    except (KeyError, TypeError) as error:
        there = ", ".join(name for name in lock if name != "_meta") if isinstance(lock, dict) else "nothing"
        raise ProjectError(f"Pipfile.lock has no group {error} (it has: {there})") from None
    packages = {name: package for group in named.values() for name, package in group.items()}
    hashed = all(package.get("hashes") and not place(name, package) for name, package in packages.items())
    sources = lock.get("_meta", {}).get("sources", [])
    indexes = [f"--extra-index-url {source['url']}" for source in sources[1:] if "$" not in source.get("url", "$")]
    return [*indexes, *(row(name, package, hashed) for name, package in packages.items())]


def place(name: str, package: Mapping[str, Any]) -> str:
    """Return where a package that comes from no index is: an address or a path, "" for one of an index."""
    kind = next((kind for kind in REPOSITORIES if kind in package), "")
    if kind:
        reference = f"@{package['ref']}" if package.get("ref") else ""
        inside = f"#subdirectory={package['subdirectory']}" if package.get("subdirectory") else ""
        return f"{kind}+{package[kind]}{reference}{inside}"
    return str(package.get("file") or package.get("path") or "")


def row(name: str, package: Mapping[str, Any], hashed: bool) -> str:
    """Return one package as a requirement line, with its hashes if they are to count."""
    extras = f"[{','.join(package['extras'])}]" if package.get("extras") else ""
    marker = f" ; {package['markers']}" if package.get("markers") else ""
    where = place(name, package)
    if where and "://" not in where:
        return f"{where}{extras}{marker}"
    if where:
        return f"{name}{extras} @ {where}{marker}"
    hashes = "".join(f" --hash={one}" for one in package["hashes"]) if hashed else ""
    version = package.get("version", "")
    return f"{name}{extras}{'' if version == '*' else version}{marker}{hashes}"
