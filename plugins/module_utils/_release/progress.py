# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How far a run over an app's releases is, told while it goes on: the host writes it down, the controller reads it.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._release.lease import FOLDER


def path_of(app: str, folder: Path | None = None) -> Path:
    """Return the file that tells it. Anybody on the host may read it: it holds names of stages and their seconds."""
    return (folder or FOLDER) / f"{app}.progress"


class Progress:
    """Writes a line when a stage begins and one when it is over. TOKEN names the reader's run; without one nobody reads."""

    def __init__(self, app: str, token: str) -> None:
        self.path, self.token, self.begun = path_of(app, FOLDER), token, False

    def begin(self, stage: str) -> None:
        """Say that STAGE has begun."""
        self._add(stage)

    def end(self, stage: str, seconds: float) -> None:
        """Say that STAGE is over after SECONDS."""
        self._add(f"{stage} {seconds:.1f}")

    def note(self, text: str) -> None:
        """Say what a stage that takes long is at: `check: the app is still being imported`. Anybody may read it."""
        self._add(text)

    def _add(self, line: str) -> None:
        if not self.token:
            return
        try:
            if not self.begun:
                self.path.parent.mkdir(mode=0o755, exist_ok=True)
                self.path.parent.chmod(0o755)
                self.path.unlink(missing_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            else:
                flags = os.O_WRONLY | os.O_APPEND
            with os.fdopen(os.open(self.path, flags, 0o644), "a") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(f"{line}\n" if self.begun else f"{self.token}\n{line}\n")
            self.begun = True
        except OSError:  # a release does not fail because its progress can't be shown
            self.token = ""


def read(text: str, token: str) -> list[str]:
    """Return the lines of the run with TOKEN, [] when TEXT is of another one; a line that is not whole yet is left out."""
    whole = text[: text.rfind("\n") + 1].splitlines()
    return whole[1:] if whole[:1] == [token] else []


def told(lines: list[str], shown: int) -> str:
    """Return what is new in LINES after the first SHOWN, as a person reads it; "" for nothing.

    `build` is a stage that goes on, `build 3.1` one that took so many seconds, `check: …` what a long one is at.
    """
    news = lines[shown:]
    notes = [line for line in news if ": " in line]
    over = {line.split()[0] for line in news if " " in line and line not in notes}
    return ", ".join(
        line if line in notes else f"{line} s" if " " in line else f"{line} …"
        for line in news
        if " " in line or line not in over
    )
