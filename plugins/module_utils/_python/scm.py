# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Versions of packages that a build reads from git's tags, where the source comes without .git.

Each tool has a variable that goes before git; most are documented as the way for exactly this case:
https://setuptools-scm.readthedocs.io/en/latest/overrides/ (hatch-vcs is built on it, but tells it no name),
https://backend.pdm-project.org/metadata/, https://docs.openstack.org/pbr/latest/user/packagers.html,
https://github.com/mtkennerly/poetry-dynamic-versioning, https://github.com/ninoseki/uv-dynamic-versioning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# What a build file says of a tool -> its variable; {} is the package's name.
TOOLS = (
    (r"setuptools[-_]scm|vcs[-_]versioning", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{}"),
    (r"hatch[-_]vcs", "SETUPTOOLS_SCM_PRETEND_VERSION"),
    (r"""source\s*=\s*["']scm["']""", "PDM_BUILD_SCM_VERSION"),
    (r"\bpbr\b", "PBR_VERSION"),
    (r"poetry-dynamic-versioning", "POETRY_DYNAMIC_VERSIONING_BYPASS"),
    (r"uv-dynamic-versioning", "UV_DYNAMIC_VERSIONING_BYPASS"),
)
GIVEN = re.compile(
    r"SETUPTOOLS_SCM_PRETEND_VERSION(_FOR_\w+)?|PDM_BUILD_SCM_VERSION|PBR_VERSION|(POETRY|UV)_DYNAMIC_VERSIONING_BYPASS"
)
FILES = ("pyproject.toml", "setup.cfg", "setup.py")
# PEP 440, with the letters that tags begin with; what follows a version in a name is no part of it.
TAG = re.compile(r"[vV]?(\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?)")


def variables(folders: Iterable[Path], version: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tell the builds of FOLDERS their version, for those that would ask git.

    A folder whose .git_archival.txt or PKG-INFO says it needs none; what is GIVEN, of the app's environment, goes before.
    """
    found: dict[str, str] = {}
    for folder in folders:
        text = "\n".join(
            (folder / name).read_text(encoding="utf-8-sig", errors="replace")
            for name in FILES
            if (folder / name).is_file()
        )
        needed = [variable for pattern, variable in TOOLS if re.search(pattern, text)]
        if needed and version and not says_itself(folder):
            name = re.search(r"""^\s*name\s*=\s*["']?([\w.-]+)""", text, re.MULTILINE)
            known = re.sub(r"[-_.]+", "_", name.group(1)).upper() if name else ""
            found |= {
                variable.format(known) if known else variable.removesuffix("_FOR_{}"): version for variable in needed
            }
        found |= {key: value for key, value in given.items() if needed and GIVEN.fullmatch(key)}
    return found


def says_itself(folder: Path) -> bool:
    """Return whether a folder that was exported says its version (git-archive's export-subst, or a source distribution)."""
    archival = folder / ".git_archival.txt"
    return (folder / "PKG-INFO").is_file() or (
        archival.is_file() and "$Format" not in archival.read_text(encoding="utf-8", errors="replace")
    )


def of_revision(name: str, revision: str) -> str:
    """Return the version that a source has by the NAME it was asked for (a tag), or else by its REVISION, as PEP 440."""
    tag = TAG.fullmatch(name.rpartition("/")[2])
    if tag and not re.fullmatch(r"[0-9a-f]{7,}", name):
        return tag.group(1)
    short = re.sub(r"[^0-9a-z]", "", revision.lower())[:12]
    return f"0.0.0+g{short}" if short else "0.0.0"
