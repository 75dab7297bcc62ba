# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A module's parameters as a frozen dataclass, so that a type checker sees who reads what; its argument spec follows from it.

Fields are called as the parameters are. Metadata says where one is not: `flat` for a dataclass whose fields stand among
the parameters themselves, `parameter` for a field with another name; and what a type does not say: `spec`, more of its
option in the argument spec.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")
Wanted = Callable[[Mapping[str, Any]], bool]
hints_of: Callable[[Any], dict[str, Any]] = functools.cache(get_type_hints)
"""A description has many parts of the same kind, and Python reads the annotations anew at each call."""


def parameter_of(field: Field[Any]) -> str:
    """Return which parameter a FIELD has its value from."""
    return str(field.metadata.get("parameter", field.name))


def typed(kind: type[Kind], given: Mapping[str, Any]) -> Kind:
    """Return the parameters GIVEN, which an argument spec has checked, as the dataclass KIND.

    What is not given, or None, has the default of its field; lists become tuples.
    """
    hints, values = hints_of(kind), dict[str, Any]()
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


def spec_of(kind: type[Any], wanted: Wanted = lambda about: True) -> dict[str, Any]:
    """Return the argument spec whose parameters `typed` makes the dataclass KIND of; of fields whose metadata is WANTED."""
    hints, found = hints_of(kind), dict[str, Any]()
    for field in fields(kind):
        hint = hints[field.name]
        if not wanted(field.metadata):
            continue
        if field.metadata.get("flat"):
            found |= spec_of(hint, wanted)
        else:
            found[parameter_of(field)] = _option(hint, field) | dict(field.metadata.get("spec", {}))
    return found


def _option(hint: Any, field: Field[Any]) -> dict[str, Any]:
    """Return the option of a FIELD whose type is HINT."""
    if isinstance(hint, type) and is_dataclass(hint):
        return {"type": "dict", "options": spec_of(hint), "apply_defaults": True}
    option = _kind(hint)
    if field.default is None:
        return option
    if field.default is not MISSING:
        return option | {"default": list(field.default) if isinstance(field.default, tuple) else field.default}
    return option | ({"required": True} if field.default_factory is MISSING else {"default": field.default_factory()})


def _kind(hint: Any) -> dict[str, Any]:
    """Return how an argument spec says the type HINT."""
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(item, type) and is_dataclass(item):
            return {"type": "list", "elements": "dict", "options": spec_of(item)}
        return {"type": "list", "elements": item.__name__}
    if get_origin(hint) is Literal:
        return {"type": "str", "choices": list(get_args(hint))}
    if get_origin(hint) is not None and issubclass(get_origin(hint), Mapping):
        return {"type": "dict"}
    optional = [one for one in get_args(hint) if one is not type(None)]  # `str | None`
    return {"type": (optional[0] if optional else hint).__name__}
