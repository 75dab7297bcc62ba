# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The release commands of an app that run but once in its life, and which of them have run: once.json.

A command is known by a name, not by its text: a text that changes (a password, an option) runs nothing again.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import command
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError, now
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Command

Write = Callable[[Path, str], None]


class Once:
    """What once.json at PATH tells. WRITE replaces a file by one with a text, whole.

    Files from before commands had names hold their texts, which may have a secret in them: of those only the labels are
    kept, until a command with that label takes its name. Raises ReleaseError for a file that can't be read.
    """

    def __init__(self, path: Path, write: Write) -> None:
        self.path, self.write = path, write
        found = self._read()
        self.old = bool(found) and "ran" not in found
        texts = found if self.old else {}
        self.ran: dict[str, str] = {} if self.old else dict(found.get("ran", {}))
        self.unnamed: dict[str, str] = dict(found.get("unnamed", {})) if not self.old else {}
        for text, when in texts.items():
            self.unnamed[label_of(text)] = str(when)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ReleaseError(
                f"{self.path}, which records the commands that have run once, can't be read: {error}"
            ) from error
        return found if isinstance(found, dict) else {}

    def tidy(self) -> None:
        """Take the texts of commands out of a file that has them."""
        if self.old:
            self._save()

    def has_run(self, entry: Command) -> str:
        """Return "" when the command of ENTRY has yet to run, else the name by which it has."""
        name, label = entry.known_as, label_of(entry.command)
        if name in self.ran:
            return name
        if label not in self.unnamed:
            return ""
        self.ran[name] = self.unnamed.pop(label)
        self._save()
        return label

    def add(self, entry: Command) -> None:
        """Write down that the command of ENTRY has run now."""
        self.ran[entry.known_as] = now()
        self._save()

    def _save(self) -> None:
        self.old = False
        told = {"ran": self.ran, **({"unnamed": self.unnamed} if self.unnamed else {})}
        self.write(self.path, json.dumps(told, indent=2) + "\n")


def label_of(text: str) -> str:
    """Return the label of a command's TEXT, which may be one that today's rules refuse."""
    try:
        return command.label(command.split(text))
    except ValueError:
        return text.split()[0] if text.split() else "the command"
