# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the settings of two releases, or of the host and the variables, differ: by name, never by value.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names that were added, removed or have another value; never a value."""
    found = {
        "added": sorted(set(new) - set(old)),
        "removed": sorted(set(old) - set(new)),
        "changed": sorted(name for name in set(old) & set(new) if old[name] != new[name]),
    }
    return {kind: names for kind, names in found.items() if names}


def sealed(settings: Mapping[str, str], salt: str = "") -> dict[str, Any]:
    """Return SETTINGS with a hash in each value's place, which tells whether it is the same and nothing else of it.

    Each call makes a SALT of its own. Short values could be guessed from salt and hash, so neither is written down anywhere.
    """
    salt = salt or secrets.token_hex(32)
    hashed = {
        name: hmac.new(salt.encode(), f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()
        for name, value in settings.items()
    }
    return {"salt": salt, "hashes": hashed}


def differences_from_sealed(there: Mapping[str, str], wanted: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what `differences` would between THERE and the settings that WANTED seals."""
    return differences(sealed(there, str(wanted["salt"]))["hashes"], wanted["hashes"])


def named(found: Mapping[str, list[str]]) -> str:
    """Return FOUND differences as a person reads them."""
    return ", ".join(f"{name} {kind}" for kind, names in found.items() for name in names)


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
