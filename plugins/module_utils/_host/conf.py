# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files of settings, a line each. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
