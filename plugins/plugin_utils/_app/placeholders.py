# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`{release_folder}` in an app's settings: the release's folder, in whose `src` the code and the app's `files` are.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

FOLDER = "{release_folder}"
USE = re.compile(r"\{release_folder\}/+([\w.@%+/-]+)")


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each setting that looks for one of the app's files or shared folders beside the code."""
    files = [PurePosixPath(str(path)) for path in app.get("files", {})]
    folders = [PurePosixPath(str(path)) for path in app.get("shared_folders", [])]
    found = []
    for key in ("environment", "secrets", "files"):
        for name, value in app.get(key, {}).items():
            for used in dict.fromkeys(USE.findall(value) if isinstance(value, str) else []):
                path = PurePosixPath(used)
                whose = "files" if path in files else "shared_folders" if within(path, folders) else ""
                if whose:
                    found.append(
                        f"'{name}' in '{key}' looks for {FOLDER}/{path}, but what '{whose}' names is with the code: write "
                        f"{FOLDER}/src/{path}"
                    )
    return found


def within(path: PurePosixPath, folders: list[PurePosixPath]) -> bool:
    """Tell whether PATH is one of FOLDERS or lies in one."""
    return any(folder in (path, *path.parents) for folder in folders)
