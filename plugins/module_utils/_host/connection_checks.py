# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Modules that try connections to servers, whatever kind these are: what they take, and how they answer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._host.run_as import NoUserError, as_user
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError

Url = TypeVar("Url")

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


def parsed(parse: Callable[[str], Url], text: str) -> Url:
    """Return what PARSE reads in the URL TEXT. Raises Refusal for what it does not take."""
    try:
        return parse(text)
    except UrlError as error:
        raise Refusal("url", f"the url {error}") from None


def lacking(entry: Mapping[str, str]) -> str:
    """Say what the connection ENTRY names and this host does not have, "" when nothing is missing."""
    try:
        as_user(entry["user"] or "root")
    except NoUserError as error:
        return f"{error}: create it first, or leave the connection's key user out"
    if entry["ca"] and not Path(entry["ca"]).is_file():
        return f"the CA file {entry['ca']} is not on this host"
    return ""


def untried(lack: str, check: bool) -> dict[str, Any]:
    """Return the findings for a connection that can't be tried for a LACK. Raises Refusal but in CHECK mode, where an
    earlier task would have seen to it."""
    if not check:
        raise Refusal("preparation", lack)
    return {"checked": False, "notes": [f"not tried: {lack}"]}


def findings(tried: Attempt, notes: Callable[[Any], list[str]], pretended: bool) -> dict[str, Any]:
    """Return what an attempt found, with the NOTES that a person should have on its facts. Raises Refusal when it failed.

    PRETENDED: the server is this host's own, in check mode. It may be as it was before tasks that were only pretended.
    """
    if not tried.kind:
        return {"checked": True, "notes": notes(tried.facts), **tried.facts}
    if pretended:
        return {"checked": False, "notes": [tried.message]}
    raise Refusal(tried.kind, tried.message)


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
