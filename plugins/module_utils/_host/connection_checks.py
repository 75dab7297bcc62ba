# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Modules that try connections to servers, whatever kind these are: what they take, and how they answer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

ENTRY: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "user": {"type": "str", "default": ""},
    "ca": {"type": "str", "default": ""},
}


class Refusal(Exception):
    """A connection that failed; `kind` names the cause."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def arguments(**more: Any) -> dict[str, Any]:
    """Return the argument spec of such a module; MORE are further keys of a connection."""
    return {
        "connections": {"type": "list", "elements": "dict", "required": True, "options": {**ENTRY, **more}},
        # Of its own, and secret as a whole: Ansible logs the other arguments, and finds a secret inside them by its text only.
        "urls": {"type": "dict", "required": True, "no_log": True},
        "timeout_seconds": {"type": "int", "default": 5},
    }


def answer(module: AnsibleModule, what: str, try_one: Callable[[dict[str, str], str], dict[str, Any]]) -> None:
    """Try every connection of MODULE and end it; WHAT follows a connection's name in messages.

    TRY_ONE returns the findings for a connection and its URL, or raises Refusal.
    """
    found: dict[str, Any] = {}
    failures: dict[str, Refusal] = {}
    for entry in module.params["connections"]:
        name = entry["name"]
        try:
            if name not in module.params["urls"]:
                raise Refusal("url", "urls has no entry for it")
            found[name] = try_one(entry, module.params["urls"][name])
        except Refusal as refusal:
            failures[name] = refusal
    if failures:
        module.fail_json(
            msg="\n".join(f"Connection {name}{what} failed: {refusal}" for name, refusal in failures.items()),
            failures={name: refusal.kind for name, refusal in failures.items()},
        )
    if not module.check_mode:
        for name, findings in found.items():
            for note in findings["notes"] if findings["checked"] else []:
                module.warn(f"Connection {name}{what}: {note}")
    module.exit_json(changed=False, connections=found)
