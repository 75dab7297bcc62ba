# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that is examined without there being one: its files are below a folder, what programs print is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import Host, Space, UnknownError


class FakeHost(Host):
    """SAID: the beginning of a command line -> what it prints; exit status 1 for None, 127 for a program that is not in it."""

    def __init__(self, root: Path, said: Mapping[str, str | None] | None = None, is_container: bool = False) -> None:
        super().__init__(root)
        self.said, self.spaces = dict(said or {}), dict[str, Space]()
        self.container = is_container

    def run(self, *command: str, seconds: float = 10) -> tuple[int, str]:
        line = " ".join(command)
        for beginning, text in self.said.items():
            if line.startswith(beginning):
                if text == "hangs":
                    raise UnknownError(f"`{beginning}` did not answer")
                return (1, "") if text is None else (0, text)
        return 127, ""

    @property
    def is_container(self) -> bool:
        return self.container

    def write(self, name: str, text: str = "") -> Path:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def space(self, mount: str) -> Space:
        if mount not in self.spaces:
            raise OSError("no such mount")
        return self.spaces[mount]
