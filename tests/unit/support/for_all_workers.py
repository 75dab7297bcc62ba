# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What takes long to find out and is the same for every test, found out once, however many processes run the tests."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from typing import Any

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[], Any]) -> Any:
    """Return what MAKE returned to the first process of this run of pytest that asked for NAME; it must be JSON."""
    base = factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (folder / f"{name}.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the others wait for it
        file.seek(0)
        if said := file.read():
            return json.loads(said)
        made = make()
        file.write(json.dumps(made))
        return made
