# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a module answers whose work is a list of actions, one sentence each. PRIVATE to the collection."""

from __future__ import annotations

from typing import Any


def told(actions: list[str]) -> dict[str, Any]:
    """Return the answer of a module that did ACTIONS, or would do them in check mode."""
    after = "".join(f"{action}\n" for action in actions)
    return {"changed": bool(actions), "actions": actions, "diff": {"before": "", "after": after}}
