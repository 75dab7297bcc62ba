# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The key that signs an app's sessions: who can guess it can be anybody.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(
    r"(?i)(dev|devel(opment)?|secret(_?key)?|change[-_ ]?(me|this|it)|replace[-_ ]?me|default|example|password|test"
    r"|todo|xxx+|your[-_ ].*|super[-_ ]?secret.*|.*change[-_ ]?me.*|<.*>)"
)
SECRET_KEY_LENGTH = 16
"""Shortest SECRET_KEY let through, in characters: 128 bits in hexadecimal would be 32, base64 of 96 bits is 16."""


def problems(variable: str, values: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the secret that signs the app's sessions, held by the environment's VARIABLE."""
    how = "make one with `python3 -c 'import secrets; print(secrets.token_hex(32))'` and keep it in Ansible Vault"
    if not variable:
        return []
    if variable not in values:
        return [
            f"{variable} is missing from 'secrets'; {how} (or set `secret_key_variable: ''` if a settings file has it)"
        ]
    if values[variable] is None or isinstance(values[variable], (list, dict)):
        return []  # refused as a value already
    key = str(values[variable])
    if PLACEHOLDER.fullmatch(key.strip()) or len(set(key)) < 6:
        return [f"{variable} in 'secrets' is a placeholder, which anybody can guess; {how}"]
    if len(key) < SECRET_KEY_LENGTH:
        return [f"{variable} in 'secrets' has {len(key)} characters; it needs at least {SECRET_KEY_LENGTH}; {how}"]
    return []
