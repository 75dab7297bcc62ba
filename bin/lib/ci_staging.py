# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Reduces an inventory (`ansible-inventory --list`, standard input) to how its hosts in `web` are reached, as the group staging."""

from __future__ import annotations

import json
import sys
from typing import Any

REACHED_BY = ("ansible_host", "ansible_port", "ansible_user")


def staging(inventory: dict[str, Any]) -> dict[str, Any]:
    """Return the group; names get a suffix, for the other inventory may have hosts of the same names."""
    known = inventory["_meta"]["hostvars"]
    names, todo = list[str](), ["web"]
    while todo:
        group = inventory.get(todo.pop(), {})
        names += group.get("hosts", [])
        todo += group.get("children", [])
    hosts = {
        f"{name}-staging": {
            "ansible_host": name,
            **{key: value for key, value in known.get(name, {}).items() if key in REACHED_BY},
        }
        for name in names
    }
    return {"staging": {"hosts": hosts}}


if __name__ == "__main__":
    json.dump(staging(json.load(sys.stdin)), sys.stdout)
