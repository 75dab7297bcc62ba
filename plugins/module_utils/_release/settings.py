# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the settings of two releases, or of the host and the variables, differ: by name, never by value.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import hmac
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
