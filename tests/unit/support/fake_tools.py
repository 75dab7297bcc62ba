# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fake commands in PATH, and what they were called with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Tools = Callable[[str, str], Callable[[], list[str]]]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Return a function that puts a fake command (name, shell text) first in PATH; it returns the calls' arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, text: str) -> Callable[[], list[str]]:
        calls = tmp_path / f"{name}.calls"
        (folder / name).write_text(f'#!/bin/sh\necho "$*" >>{calls}\n{text}\n')
        (folder / name).chmod(0o755)
        return lambda: calls.read_text().splitlines() if calls.exists() else []

    return make
