# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with a variable that is a mapping with known keys, such as `slipway_backups`: one sentence each.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app.description import type_name
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key, kinds
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest


def wrong(found: Mapping[str, Any], keys: Mapping[str, Key], label: str, apart: Sequence[str] = ()) -> Iterator[str]:
    """Yield what is wrong with the keys of a mapping, and with the types and ranges of their values.

    The entries of those lists that are APART have a check of their own.
    """
    for name in found:
        if name not in keys:
            yield f"{label}: unknown key '{name}'{nearest(name, keys)}"
    for name, key in keys.items():
        if name not in found:
            if key.default is REQUIRED:
                yield f"{label}: '{name}' is missing. {key.text}"
            continue
        value: Any = found[name]
        if not _is(value, key):
            yield f"{label}: '{name}' must be {type_name(key.kind)}, not {type_name(type(value))}. {key.text}"
        elif key.choices and value not in key.choices:
            yield f"{label}: '{name}' is '{value}'; it must be one of {', '.join(key.choices)}{nearest(value, key.choices)}"
        elif key.range and not key.range[0] <= value <= key.range[1]:
            yield f"{label}: '{name}' is {value}; it must be from {key.range[0]} to {key.range[1]}. {key.text}"
        elif key.keys and isinstance(value, Mapping):
            yield from wrong(value, key.keys, f"{label}, '{name}'")
        elif key.keys and name not in apart:
            for number, entry in enumerate(value, 1):
                where = f"{label}, entry {number} of '{name}'"
                if isinstance(entry, Mapping):
                    yield from wrong(entry, key.keys, where)
                else:
                    yield f"{where} must be a mapping, not {type_name(type(entry))}"


def _is(value: Any, key: Key) -> bool:
    """Tell whether VALUE is of KEY's type; true and false are no numbers."""
    return isinstance(value, key.kind) and (bool in kinds(key.kind) or not isinstance(value, bool))
