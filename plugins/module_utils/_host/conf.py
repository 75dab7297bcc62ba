# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files of settings, a line each. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any


def lines(settings: Mapping[str, Any], name: re.Pattern[str], value_text: Callable[[Any], str]) -> str:
    """Return SETTINGS, sorted by name, as a server reads them, which quotes a value as VALUE_TEXT does.

    :raises ValueError: naming the setting whose name is not like NAME, or whose value can't be written.
    """
    found = []
    for key in sorted(settings):
        if not name.fullmatch(key):
            raise ValueError(f"setting '{key}': the name must have small letters, digits and _ only")
        try:
            found.append(f"{key} = {value_text(settings[key])}\n")
        except ValueError as error:
            raise ValueError(f"setting '{key}': the value {error}") from None
    return "".join(found)


def problems(settings: Mapping[str, Any], file: str, own: Collection[str], joint: str, more: str = "") -> Iterator[str]:
    """Yield what is wrong with further SETTINGS that somebody wants in a FILE, where OWN ones are the role's.

    JOINT is the sign that names may have beside letters and digits; MORE is said of a value that is no line of text.
    """
    name = re.compile(f"[a-z][a-z0-9{joint}]*")
    for key, value in settings.items():
        if not name.fullmatch(str(key)):
            yield f"'{key}' in settings can't be a setting of {file}: small letters, digits and {joint} only"
        elif key in own:
            yield f"'{key}' in settings is set by the role itself; remove it"
        elif isinstance(value, (dict, list)) or not str(value).strip() or re.search(r"[\x00-\x1f\x7f]", str(value)):
            yield f"'{key}' in settings must be one line of text, a number or true/false{more}"
