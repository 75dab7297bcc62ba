# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where the hosts of a run over several of them write what they answered at each step, for all to read: on the controller.

Each host's task runs in a process of its own, so it is on the disk, in the folder that Ansible removes at its end.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._action.once import once


class Board:
    """The answers of one run, in FOLDER."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = json.loads((folder / "run.json").read_text())
        self.token = str(about["token"])
        """The name that the run has on all hosts."""
        self.begun = float(about["begun"])
        """When it began, in seconds of a clock that nobody sets."""

    @classmethod
    def begin(cls, what: str, app: str, host: str) -> Board:
        """Return the board of the run over APP that HOST begins: the same one for every host."""
        return cls(once(("fleet", what, app), _begin, host))

    def post(self, step: str, host: str, answer: Mapping[str, Any]) -> None:
        """Write what HOST answered at a STEP, in place of what it did before."""
        folder = self.folder / step
        folder.mkdir(mode=0o700, exist_ok=True)
        place = folder / f"{hashlib.sha256(host.encode()).hexdigest()[:16]}.json"
        temporary = place.with_suffix(".new")
        temporary.write_text(json.dumps({"host": host, "answer": answer}, default=str))
        temporary.replace(place)

    def posts(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return what every host answered at every step: step -> host -> answer."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for file in sorted(self.folder.glob("*/*.json")):
            told = json.loads(file.read_text())
            found.setdefault(file.parent.name, {})[str(told["host"])] = told["answer"]
        return found


def _begin(folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps({"token": secrets.token_hex(8), "begun": time.monotonic()}))
