# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The static files of an app's description: a folder, or a folder and how browsers may keep what is in it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

CHOICES = {"immutable": ("auto", "always", "never"), "fallback": ("404", "app")}
KEYS = ("folder", "expires_seconds", *CHOICES)
YEAR = 31_536_000


def entries(static: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries by their URL, each a mapping with its `folder`; what is not said is left to nginx_tls."""
    found: dict[str, dict[str, Any]] = {}
    for url, said in static.items():
        found[url] = {"folder": said} if isinstance(said, str) else dict(said)
        if "fallback" in found[url]:  # YAML reads 404 as a number
            found[url]["fallback"] = str(found[url]["fallback"])
    return found


def folders(static: Mapping[str, Any]) -> list[Any]:
    """Return the folders, whatever they are."""
    return [said.get("folder") if isinstance(said, Mapping) else said for said in static.values()]


def problems(static: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong, one sentence each; of the folders only whether they are there."""
    for url, said in static.items():
        if not re.fullmatch(r"/([\w.~-]+/)*", str(url)) or url == "/":
            yield f"'{url}' in 'static' must begin and end with '/', as in /static/"
        if not isinstance(said, Mapping):
            continue
        if unknown := sorted(set(map(str, said)) - set(KEYS)):
            yield f"'{unknown[0]}' in 'static' of '{url}' is unknown; these are known: {', '.join(KEYS)}"
        seconds = said.get("expires_seconds", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= YEAR:
            yield f"'expires_seconds' in 'static' of '{url}' is {seconds!r}; it must be a whole number, 0 to {YEAR} (a year)"
        for key, choices in CHOICES.items():
            if key in said and str(said[key]) not in choices:
                yield f"'{key}' in 'static' of '{url}' is {said[key]!r}; it must be one of {', '.join(choices)}"
