# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Values as Ansible gives them, made like all others.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from typing import Any


def plain(found: Any) -> Any:
    """Return a copy of mappings and lists. Some of Ansible's own types can't be copied: their values are text in it."""
    return json.loads(json.dumps(found, default=str))
