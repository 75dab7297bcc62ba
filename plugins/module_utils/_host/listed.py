# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Lists of mappings with names, as roles take them: what is wrong with the list itself.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any


def problems(
    entries: Any, noun: str, needed: Sequence[str], of_entry: Callable[[Mapping[str, Any], str], Iterable[str]]
) -> list[str]:
    """Return what is wrong with a list of ENTRIES, one sentence per fault.

    NOUN is what one is called, NEEDED are the keys that each has, `name` the first; OF_ENTRY tells what is wrong with one and
    its name.
    """
    with_keys = " and ".join(f"'{key}'" for key in needed)
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return [f"must be a list of mappings with {with_keys}, not {type(entries).__name__}"]
    found: list[str] = []
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping) or not set(needed) <= set(entry):
            found.append(f"entry {number} must be a mapping with {with_keys}")
            continue
        name = str(entry["name"])
        if name in seen:
            found.append(f"{noun} '{name}' is listed twice")
        seen.add(name)
        found += [f"{noun} '{name}': {problem}" for problem in of_entry(entry, name)]
    return found


def unknown(entry: Mapping[str, Any], keys: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each key of ENTRY that is none of the KEYS."""
    for key in sorted(set(map(str, entry)) - set(keys)):
        yield f"unknown key '{key}': keys are {', '.join(sorted(keys))}"
