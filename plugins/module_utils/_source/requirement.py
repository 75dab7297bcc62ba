# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A requirement for one package in one exact version: `name==1.2`, `name[extra]==1.2`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re

# Names: PyPA's "Names and normalization"; versions: "Version specifiers", whose letters these are.
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[A-Za-z0-9._,\s-]*\])?\s*"
    r"==\s*(?P<version>[A-Za-z0-9]+([.!+_-][A-Za-z0-9]+)*)"
)


def normalised(name: str) -> str:
    """Return the comparable form of a package's name (PyPA's "Name normalization", formerly PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_pinned(requirement: str) -> bool:
    """Tell whether REQUIREMENT names one package in one version."""
    return PINNED.fullmatch(requirement.strip()) is not None


def name(requirement: str) -> str:
    """Return the name of a pinned REQUIREMENT's package, normalised."""
    return normalised(_found(requirement)["name"])


def version(requirement: str) -> str:
    """Return the version of a pinned REQUIREMENT."""
    return _found(requirement)["version"]


def with_version(requirement: str, wanted: str) -> str:
    """Return a pinned REQUIREMENT with the version WANTED in place of its own."""
    found = _found(requirement)
    return f"{found['name']}{found['extras'] or ''}=={wanted}"


def _found(requirement: str) -> re.Match[str]:
    found = PINNED.fullmatch(requirement.strip())
    if found is None:
        raise ValueError(f"'{requirement}' is no requirement of the form name==version")
    return found
