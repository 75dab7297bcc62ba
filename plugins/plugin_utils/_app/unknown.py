# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`TODO` in an app's description: what `bin/describe` could not know, and a person has not said yet.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS

WHOLE = re.compile(r"\s*TODO\b(?:\s*:)?\s*(?P<what>.*)", re.DOTALL)
"""A value that is TODO, or begins with it and says what is meant."""
INSIDE = re.compile(r"\bTODO\b")
ANY_TEXT = ("environment", "secrets", "files", "headers", "notifications", "database_ca")
"""Keys whose values are anybody's text, in which the word may stand: only a value that begins with it is refused."""
SECRET = ("secrets", "files", "database_url", "database_owner_url", "notifications", "object_storage")
LONGEST = 200


def problems(app: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, sentence) for each value of APP that still is TODO; a secret's text is not repeated."""
    for key in KEYS:
        for place, value in places(key, app.get(key)):
            said = WHOLE.fullmatch(value)
            if said is None and (key in ANY_TEXT or not INSIDE.search(value)):
                continue
            what = "" if said is None or key in SECRET else said["what"].strip()[:LONGEST]
            yield key, f"{place} is still TODO" + (f": {what}" if what else "; write what it should be")


def places(key: str, value: Any, inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield ('name' in 'key', text) for every text in a key's VALUE, names in a mapping among them."""
    named = f"'{inside}' in '{key}'" if inside else f"'{key}'"
    if isinstance(value, str):
        yield named, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if WHOLE.fullmatch(str(name)):
                yield f"a name in {named}", str(name)
            yield from places(key, part, f"{inside}.{name}" if inside else str(name))
    elif isinstance(value, list):
        for part in value:
            yield from places(key, part, inside)
