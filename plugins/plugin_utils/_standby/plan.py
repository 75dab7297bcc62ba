# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a promotion would do, what would be lost, and what is in the way: of what the two servers have said of themselves.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._postgres import wal

SWITCH, LOSS = "switch", "loss"
"""What a person confirms: that the two change places, which loses nothing; or that what was not received is lost."""
ALIVE_SECONDS = 30.0
"""A primary says something every ten seconds at least (wal_sender_timeout, manual 19.6.1), to a standby that is connected."""

Server = Mapping[str, Any]


@dataclass
class Plan:
    """HOST becomes the primary in the place of OLD."""

    host: str
    old: str
    is_done: bool = False
    """HOST is the primary already."""
    closes: bool = False
    """OLD can be reached, and is closed first."""
    receives: bool = False
    """HOST is connected to OLD, and waits for the rest before it is promoted."""
    loss: str = ""
    """What is lost, in words; "" for nothing."""
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """What has to be confirmed."""
        return LOSS if self.loss else SWITCH


def plan(host: str, old: str, servers: Mapping[str, Server], force: bool = False) -> Plan:
    """Return what is to be done so that HOST, the standby of OLD, becomes the primary.

    :param servers: what each host's server has said of itself; `error` in place of that where it could not be asked.
    :param force: whether a person takes what else would be in the way.
    """
    todo, new, former = (
        Plan(host, old),
        servers.get(host, {}),
        servers.get(old, {"error": "it is not in the inventory"}),
    )
    if new.get("error") or not new.get("online"):
        todo.problems.append(
            f"the server of {host} can't be asked: {new.get('error') or new.get('state') or 'it was not reached'}"
        )
    elif not new["in_recovery"]:
        todo.is_done = True
    elif not old:
        todo.problems.append(
            f"the inventory does not say whose standby {host} is; slipway_database: {{standby_of: …}} does"
        )
    elif "system" not in former:
        _unreachable(todo, new, str(former.get("error", "")), force)
    elif former["system"] != new["system"]:
        todo.problems.append(
            f"{host} is the standby of another server than that of {old}: their data differ from the start"
        )
    elif former.get("online"):
        _online(todo, new, former, force)
    else:
        _down(todo, new, former)
    return todo


def _online(todo: Plan, new: Server, former: Server, force: bool) -> None:
    """The old one runs."""
    if former["in_recovery"]:
        todo.problems.append(
            f"the server of {todo.old} is a standby itself: {todo.host} would not take its place. See docs/standby.md"
        )
        return
    todo.closes = True
    behind = max(0, wal.number(former["written"]) - wal.number(new["received"] or "0/0"))
    if new["receiver"] == "streaming":
        todo.receives = True
        todo.notes.append(
            f"{former['sessions']} connections of apps to {todo.old} are ended; {behind / 1e6:.1f} MB are on the way"
        )
        return
    if not force:
        todo.problems.append(
            f"{todo.host} does not receive what {todo.old} writes and is {behind / 1e6:.1f} MB behind, while {todo.old} runs: "
            "connect it first (playbooks/site.yml), or give up the rest with -e force=true"
        )
    todo.loss = f"what {todo.old} wrote after {new['received']}: {behind / 1e6:.1f} MB of its log, {until(new)}"


def _down(todo: Plan, new: Server, former: Server) -> None:
    """The old one's host can be reached, but its server does not run."""
    todo.closes = True
    # What it has replayed ends with a whole record; what it has received may end in the middle of one.
    if former["ended_cleanly"] and wal.number(new["replayed"] or "0/0") > wal.number(former["checkpoint"]):
        return
    found = former.get("commits")
    if found is None:
        todo.loss = f"what {todo.old} committed after {new['replayed']}; how much can't be told, {until(new)}"
    elif found["number"]:
        number = found["number"]
        todo.loss = (
            f"{number} transaction{'s' * (number != 1)} that {todo.old} committed after {new['replayed']}, the last at "
            f"{found['last']} UTC"
        )
    else:
        return
    unit = former["cluster"].replace("/", "-")
    todo.notes.append(
        f"to lose nothing, start it if that is possible (systemctl start postgresql@{unit} on {todo.old})"
    )


def _unreachable(todo: Plan, new: Server, why: str, force: bool) -> None:
    """Nothing is known of the old one, but for what the new one sees."""
    heard = new.get("heard_seconds")
    if new["receiver"] == "streaming" and heard is not None and float(heard) < ALIVE_SECONDS and not force:
        todo.problems.append(
            f"{todo.old} can't be reached from here ({why.strip() or 'no answer'}), but its server still writes, and {todo.host} "
            "receives it: both would take writes. Reach it, turn it off, or go on with -e force=true"
        )
    todo.loss = f"what {todo.old} committed after {new['replayed']}; how much can't be told, {until(new)}"
    todo.notes.append(
        f"{todo.old} can't be closed: keep it off. If it comes back before site.yml has made it a standby, it takes writes from "
        "whoever still connects to it"
    )


def until(new: Server) -> str:
    """Return until when the standby has what was committed."""
    return f"the last transaction received is of {new['last_at']} UTC" if new.get("last_at") else "none was received"


def refusal(todo: Plan, confirm: str) -> str:
    """Return why nothing is done although a person has said to CONFIRM it, "" if it can be."""
    if confirm not in (SWITCH, LOSS):
        return f"confirm is '{confirm}'; it must be {SWITCH}, or {LOSS} if something is lost"
    if todo.problems:
        return "; ".join(todo.problems)
    if todo.loss and confirm != LOSS:
        return f"nothing was done: this would be lost: {todo.loss}. Run it again with -e confirm={LOSS} to accept that"
    return ""
