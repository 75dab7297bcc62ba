# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A repository of restic's, as far as restoring from it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


class Repository:
    """SAVED are the files that its snapshot has (absolute path -> content)."""

    def __init__(self, saved: Mapping[str, bytes]) -> None:
        self.saved = saved

    def restore(self, snapshot: str, into: Path, include: Sequence[Path | str] = ()) -> None:
        for name, content in self.saved.items():
            if any(Path(name).is_relative_to(wanted) for wanted in include):
                path = Path(f"{into}{name}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
