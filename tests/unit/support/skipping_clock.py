# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A clock for code that looks, waits and looks again: nobody waits, and as much time has gone by as if somebody had."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import pytest


class SkippingClock:
    """Stands in for the module `time`: `sleep` puts the monotonic clock forward instead. All else is the module's."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def sleep(self, seconds: float) -> None:
        self.skipped += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def skip_waiting(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> SkippingClock:
    """Give MODULES, which have imported `time`, one such clock."""
    clock = SkippingClock()
    for module in modules:
        monkeypatch.setattr(module, "time", clock)
    return clock
