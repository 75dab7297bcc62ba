# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Switches of the command line, such as `-e yes=true`, which may be given any text.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean


def flag(given: Mapping[str, Any], name: str, said: str = "", default: bool = False) -> bool:
    """Return what the parameter NAME of those GIVEN says, DEFAULT if it says nothing.

    :param said: what it is called on the command line, "" for the same.
    :raises AnsibleActionFail: for a word that is neither yes nor no: a typo of `true` must not be taken for either.
    """
    value = given.get(name)
    if value is None or value == "":
        return default
    try:
        return bool(boolean(value))
    except TypeError:
        raise AnsibleActionFail(f"{said or name} is '{value}'; it must be true or false") from None
