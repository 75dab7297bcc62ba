# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A module's parameters as a frozen dataclass, so that a type checker sees who reads what.

Fields are called as the parameters are. Metadata says where one is not: `flat` for a dataclass whose fields stand among
the parameters themselves, `parameter` for a field with another name.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")


def parameter_of(field: Field[Any]) -> str:
    """Return which parameter a FIELD has its value from."""
    return str(field.metadata.get("parameter", field.name))


def typed(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """Return the parameters GIVEN, which an argument spec has checked, as the dataclass KIND.

    What is not given, or None, has the default of its field; lists become tuples.
    """
    hints, values = get_type_hints(kind), dict[str, Any]()
    for field in fields(kind):  # type: ignore[arg-type]
        hint, name = hints[field.name], parameter_of(field)
        if isinstance(hint, type) and is_dataclass(hint):
            nested = given if field.metadata.get("flat") else given.get(name)
            if nested is not None:
                values[field.name] = nested if isinstance(nested, hint) else typed(hint, nested)
        elif given.get(name) is not None:
            values[field.name] = _value(hint, given[name])
    return kind(**values)


def _value(hint: Any, value: Any) -> Any:
    if get_origin(hint) is not tuple:
        return value
    item = get_args(hint)[0]
    return tuple(typed(item, one) if isinstance(one, Mapping) else one for one in value)
