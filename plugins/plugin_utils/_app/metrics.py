# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The path of an app's own metrics, which visitors get 404 for. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PATH = re.compile(r"/([A-Za-z0-9._~@+-]+/)*[A-Za-z0-9._~@+-]+/?")


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `metrics_path` of APP, one sentence each."""
    path = app.get("metrics_path", "")
    if not path:
        return []
    if not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        return [f"'metrics_path' is '{path}'; it must look like /metrics: letters, digits and ._~@+-, and not / alone"]
    folder, health = path.rstrip("/"), app.get("health_path", "/")
    return [
        f"'health_path' is '{asked}', which visitors get 404 for as 'metrics_path' is '{path}'; choose another one"
        for asked in (health if isinstance(health, list) else [health]) if f"{asked}/".startswith(f"{folder}/")
    ]  # fmt: skip
