# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What stands on the command line of ansible-playbook, where Ansible has cut it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def whole(name: str, value: str, extra_vars: Iterable[str]) -> str:
    """Return the VALUE of a variable as it was given: Ansible cuts `-e command='flask users list'` at its first space.

    EXTRA_VARS are the texts of all `-e`. Where what follows can only be further variables, nothing was cut.
    """
    for text in extra_vars:
        found, _, rest = text.partition("=")
        cut = rest.split()
        if found.strip() != name or cut[:1] != [value]:
            continue
        if not all(re.fullmatch(r"[A-Za-z_]\w*=.*", word) for word in cut[1:]):
            return rest
    return value
