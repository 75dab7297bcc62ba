# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Files, their users and their units, as slipway.flask.files has them: all or none, with what a killed run has left made up for.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import Entry, FilesError, unpack
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet
from ansible_collections.slipway.flask.plugins.module_utils._host.service_user import (
    USER,
    ServiceUser,
    ServiceUserError,
    ensure,
)
from ansible_collections.slipway.flask.plugins.module_utils._host.units import SYSTEMD, Unit, UnitError, Unread, bring

ARGUMENTS: dict[str, Any] = {
    "payload": {"type": "str", "required": True, "no_log": True},
    "validate": {"type": "list", "elements": "str", "default": []},
    "prune": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"folder": {"type": "path", "required": True}, "pattern": {"type": "str", "required": True}},
    },
    "users": {"type": "list", "elements": "dict", "default": [], "options": USER},
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "on_change": {"type": "str", "choices": ["reload", "restart"], "default": "reload"},
            "files": {"type": "list", "elements": "path", "default": []},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        },
    },
}


class NotWritten(RuntimeError):
    """It failed; the message is for the user. CHANGED_FILES are those that are changed all the same."""

    def __init__(self, message: str, changed_files: list[str]) -> None:
        super().__init__(message)
        self.changed_files = changed_files


@dataclass(frozen=True)
class Written:
    """What was changed: paths in order, what was done to users and units, and the diffs of the files."""

    changed_files: list[str]
    actions: list[str]
    diffs: list[dict[str, Any]]

    def told(self, with_diff: bool) -> dict[str, Any]:
        """Return it as a module's answer has it."""
        result: dict[str, Any] = {"changed": bool(self.changed_files or self.actions)}
        result |= {"changed_files": self.changed_files, "actions": self.actions}
        if with_diff:
            done = "".join(f"{action}\n" for action in self.actions)
            header = {"before_header": "users and units", "after_header": "users and units"}
            result["diff"] = self.diffs + ([{**header, "before": "", "after": done}] if self.actions else [])
        return result


def write(asked: Mapping[str, Any], *, check: bool, before: Callable[[], bool] = lambda: False) -> Written:
    """Bring the host to what is ASKED, which is of ARGUMENTS. Raises NotWritten.

    BEFORE the files, what else the units read is brought about; it returns whether that has changed.
    """
    entries = [Entry(**entry) for entry in unpack(asked["payload"])]
    files = FileSet(check=check)
    wanted = [Unit(**unit) for unit in asked["units"]]
    written = [entry.dest for entry in entries]
    unread = Unread([unit.name for unit in wanted], written, check=check)
    actions: list[str] = []
    also = False
    try:
        actions += ensure([ServiceUser.of(user, check=check) for user in asked["users"]])
        unread.write()
        also = before()
        files.apply(entries)
        for place in asked["prune"]:
            files.prune(place["folder"], place["pattern"], set(written))
        files.validate(asked["validate"])
        changed = [*files.changed, *(written if SYSTEMD in unread.left else [])]
        actions += bring(wanted, changed, also=also or bool(unread.left), check=check)
        unread.remove()
    except (FilesError, ServiceUserError) as error:
        if not unread.left and not also:  # all is as it was
            unread.remove()
        raise NotWritten(str(error), []) from error
    except UnitError as error:
        raise NotWritten(str(error), files.changed) from error
    return Written(files.changed, actions, files.diffs)
