# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which way into a host works, where the inventory's does not: an earlier run may have changed the port or closed root's login.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._access import login
from ansible_collections.slipway.flask.plugins.plugin_utils._access.login import Way

REFUSED_USER = "Permission denied"
"""What ssh says (sshconnect2.c) when the port is right, and the account or its key isn't."""
MOST_PEOPLE = 4


def ports(now: Way, variables: Mapping[str, Any]) -> list[int]:
    """Return the other ports that sshd may listen on: the one that is wanted, and the one that a new host has."""
    wanted = (variables.get("slipway_ssh") or {}).get("port")
    return [port for port in dict.fromkeys([int(wanted or 22), 22]) if port != (now.port or 22)]


def users(now: Way, variables: Mapping[str, Any]) -> list[str]:
    """Return the other accounts that may get in and become root: people with sudo, then root."""
    people = [str(person["name"]) for person in variables.get("slipway_people") or [] if person.get("sudo")]
    return [name for name in dict.fromkeys([*people[:MOST_PEOPLE], "root"]) if name != now.user]


def reach(
    action: ActionBase, ask: Callable[[], Any], variables: Mapping[str, Any], hold: ExitStack
) -> tuple[Any, Way | None]:
    """Return what ASK answers over the inventory's way or the first other one that works, and that way (None: no other).

    ACTION stays on that way as long as HOLD is open. Nothing but ASK is done where the inventory's way works.

    :raises AnsibleConnectionFailure: when no way works, with what each of them said.
    """
    try:
        return ask(), None
    except AnsibleConnectionFailure as error:
        said = str(error).strip()
        if not login.over_ssh(action):
            raise
    now = login.way_of(action)
    # Looked at only now: a list may read a file for each key.
    known = {name: action._templar.template(variables.get(name)) for name in ("slipway_people", "slipway_ssh")}
    tried = []
    for way, wrong in _try(now, said, action, ask, {**variables, **known}, hold):
        if isinstance(wrong, AnsibleConnectionFailure):
            tried.append(f"{way}: {str(wrong).strip().splitlines()[-1]}")
        else:
            return wrong, way
    more = "".join(f"\n  {text}" for text in tried)
    raise AnsibleConnectionFailure(said + (f"\nOther logins do not work either:{more}" if more else ""))


def _try(
    now: Way, said: str, action: ActionBase, ask: Callable[[], Any], variables: Mapping[str, Any], hold: ExitStack
) -> Iterator[tuple[Way, Any]]:
    """Yield each other way, with what ASK answers or why it doesn't work: ports first, then accounts on one that answers."""

    def attempt(way: Way) -> Any:
        with ExitStack() as one:
            one.enter_context(login.new(action, way, dict(variables)))
            try:
                answer = ask()
            except AnsibleConnectionFailure as error:
                return error
            hold.push(one.pop_all())
            return answer

    port = now.port if REFUSED_USER in said else None
    found = REFUSED_USER in said
    for other in [] if found else ports(now, variables):
        yield (way := Way(other, now.user)), (answer := attempt(way))
        if REFUSED_USER in str(answer):
            port, found = other, True
            break
    for name in users(now, variables) if found else []:
        yield (way := Way(port, name)), attempt(way)


def advice(now: Way, way: Way) -> str:
    """Return what to change in the inventory so that it says the WAY that works."""
    wrong = []
    if way.port and way.port != (now.port or 22):
        wrong.append(f"ansible_port: {way.port}")
    if way.user and way.user != now.user:
        wrong.append(f"ansible_user: {way.user}")
    return f"the login from the inventory does not work, but {way} does; write {' and '.join(wrong)} into the inventory"
