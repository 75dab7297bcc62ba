# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The text of the program that keeps a schedule's times in a container. PRIVATE to the collection."""

from __future__ import annotations

from pathlib import Path


def program() -> str:
    """Return the text of schedule_program.py, which is copied as it is."""
    return (Path(__file__).parent / "schedule_program.py").read_text()
