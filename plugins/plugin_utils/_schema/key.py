# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How one key of a description is described: type, default, range, meaning, and the keys inside of it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED = object()
"""The default of a key that must be given."""
Kinds = type | tuple[type, ...]


@dataclass(frozen=True)
class Key:
    """One key: the type or types of its value, its default (or REQUIRED) and its meaning.

    OF are the types of a list's entries or of a mapping's values. KEYS are the keys of a mapping with known ones; together
    with OF, those of the entries. PLACE stands for the free name of such an entry, as in `static.<url>.folder`.
    """

    kind: Kinds
    default: Any
    text: str
    choices: tuple[str, ...] = ()
    range: tuple[int, int] | None = None
    of: Kinds = ()
    keys: Mapping[str, Key] = field(default_factory=dict)
    place: str = "name"

    @property
    def type_name(self) -> str:
        """The type as the documentation has it, such as `list of str or dict`."""
        inner = " or ".join(kind.__name__ for kind in kinds(self.of))
        names = [
            f"{kind.__name__} of {inner}" if inner and kind in (list, dict) else kind.__name__
            for kind in kinds(self.kind)
        ]
        return " or ".join(names)

    def rows(self, name: str) -> Iterator[tuple[str, Key]]:
        """Yield the key with its full NAME, then those inside of it, `access[].path` for example."""
        yield name, self
        entry = "" if not self.of else "[]" if list in kinds(self.kind) else f".<{self.place}>"
        for inner, key in self.keys.items():
            yield from key.rows(f"{name}{entry}.{inner}")


def kinds(kind: Kinds) -> tuple[type, ...]:
    """Return KIND as a tuple, which it may be already."""
    return kind if isinstance(kind, tuple) else (kind,)
