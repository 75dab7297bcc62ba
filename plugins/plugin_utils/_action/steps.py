# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The steps of a deploy or a rollback over several hosts, which none of them takes before all have taken the one before.

A step is a call of the module that stops before a stage, as it does for a hook. What each host answered is known to all, so each
finds out by itself, and all alike, whether it goes on or gives up.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.slipway.flask.plugins.module_utils._release import hooks
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short

Who = Literal["all", "undecided", "first", "others", "canary", "rest", "speaker"]
Posts = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What each host answered at each step: step -> host -> answer. A host that had nothing to do has `idle`."""
Due = Literal["go on", "give up", "nothing"]


@dataclass(frozen=True)
class Step:
    """One step. UNTIL is the hook before which it stops, "" for the end; WHO of the hosts take it."""

    name: str
    until: str
    who: Who


STEPS = (
    Step("prepare", "before_migrate", "all"),
    Step("agree", "before_migrate", "undecided"),
    Step("ready_first", "before_switch", "first"),
    Step("ready", "before_switch", "others"),
    Step("canary", "before_drain", "canary"),
    Step("rest", "before_drain", "rest"),
    Step("edges", "before_drain", "speaker"),
    Step("finish", "", "all"),
    Step("tell", "", "all"),
)
NAMES = tuple(step.name for step in STEPS)
LAST = "finish"
"""From here on nothing goes back: every host serves the new release, and is told so."""
SWITCHING = tuple(f"{when}_{stage}" for stage in ("switch", "verify", "watch") for when in ("before", "after"))[1:]
READYING = tuple(f"{when}_{stage}" for stage in ("migrate", "start", "gate") for when in ("before", "after"))[1:]


def step(name: str) -> Step:
    """Return the step with this NAME."""
    return STEPS[NAMES.index(name)]


@dataclass(frozen=True)
class State:
    """How far a run over HOSTS is; CANARY is the host that is to switch first, EDGES whether anything stands before them."""

    hosts: tuple[str, ...]
    canary: str
    posts: Posts
    edges: bool = False

    def answers(self, before: str = "") -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield the answers of the steps before the one called BEFORE, or of all: step, host, answer; in order."""
        for name in NAMES[: NAMES.index(before) if before else None]:
            for host in self.hosts:
                answer = self.posts.get(name, {}).get(host)
                if answer is not None and not answer.get("idle"):
                    yield name, host, answer

    def latest(self, host: str, before: str = "") -> Mapping[str, Any]:
        """Return the last answer of HOST, {} when there is none."""
        return next((answer for _, one, answer in reversed(list(self.answers(before))) if one == host), {})

    def held(self, host: str, before: str = "") -> Mapping[str, Any]:
        """Return where HOST has stopped with a release under way, {} when it has none."""
        return dict(self.latest(host, before).get("held") or {})

    def lost(self, host: str) -> bool:
        """Tell whether HOST has not come to the end of the run, whatever it was told."""
        return host not in self.posts.get(LAST, {})

    def at_work(self) -> list[str]:
        """Return the hosts that get another release: the others have it already."""
        return [
            host for host in self.hosts if any(one == host and answer.get("held") for _, one, answer in self.answers())
        ]

    def undecided(self) -> list[str]:
        """Return the hosts that don't know what became of the run before, which was killed."""
        return [host for host in self.hosts if self.posts.get("prepare", {}).get(host, {}).get("undecided")]

    def decision(self, host: str) -> str:
        """Return what is to become of what the killed run has left on HOST."""
        name = self.posts["prepare"][host]["undecided"]
        known = {one for answer in self.posts["prepare"].values() for one in answer.get("came_about", ())}
        return "go on" if name in known else "go back"

    def takes(self, host: str, who: Who) -> bool:
        """Tell whether HOST is one of WHO."""
        if who == "all":
            return True
        if who == "undecided":
            return host in self.undecided()
        work = self.at_work()
        if host not in work:
            return False
        first = work[0]
        canary = self.canary if self.canary in work else first
        return {
            "first": host == first,
            "others": host != first,
            "canary": host == canary,
            "rest": host != canary,
            "speaker": host == canary and self.edges,
        }[who]

    def broken(self, before: str) -> tuple[str, str]:
        """Return on which host, and why, the run can't go on with the step called BEFORE; two empty texts if it can."""
        for name, host, answer in self.answers(before):
            if (answer.get("failed") or answer.get("unreachable")) and not answer.get("gave_up") and name != LAST:
                return host, str(answer.get("msg") or "it failed")
        position = NAMES.index(before)
        if position and NAMES[position - 1] != LAST:
            for host in self.hosts:
                if host not in self.posts.get(NAMES[position - 1], {}):
                    return host, (
                        f"it has not come to the step '{before}': it could not be reached, or the play's strategy is not `linear`"
                    )
        return ("", self._differ()) if before not in ("prepare", "agree") else ("", "")

    def _differ(self) -> str:
        """Return that the hosts would not get the same code, "" when they do."""
        found: dict[str, list[str]] = {}
        for host in self.hosts:
            answer = self.posts.get("agree", {}).get(host, {})
            answer = answer if answer and not answer.get("idle") else self.posts.get("prepare", {}).get(host, {})
            if answer.get("revision"):
                found.setdefault(str(answer["revision"]), []).append(host)
        if len(found) < 2:
            return ""
        each = "; ".join(f"{short(revision)} on {', '.join(hosts)}" for revision, hosts in found.items())
        return (
            f"the hosts would not get the same revision: {each}. Nothing was switched; run it again, or name a revision"
        )

    def due(self, host: str, name: str) -> Due:
        """Return what HOST does at the step called NAME.

        What a killed run has left is settled even where this one is given up already: the hosts are to agree in any case.
        """
        if step(name).who == "undecided" and host in self.undecided():
            return "go on"
        if self.gives_up(name):
            return "give up" if self.held(host, name) else "nothing"
        if not self.takes(host, step(name).who) or (name == LAST and not self.held(host, name)):
            return "nothing"
        return "go on"

    def gives_up(self, name: str) -> bool:
        """Tell whether the run is given up at or before the step called NAME."""
        return any(self.broken(name))


def until(points: Iterable[str], done: str, barrier: str) -> str:
    """Return where a call stops: at the first of POINTS after what is DONE, but not after the BARRIER; "" is the end."""
    found = hooks.following(dict.fromkeys(points, ""), done)
    if not barrier:
        return found
    return found if found and hooks.NAMES.index(found) < hooks.NAMES.index(barrier) else barrier


def runs_once(state: State, host: str, point: str) -> bool:
    """Tell whether HOST is the one that runs what only one host runs at a POINT: the first that comes there before a stage,
    and the last after it."""
    work = state.at_work() or list(state.hosts)
    canary = state.canary if state.canary in work else work[0]
    last = point.startswith("after_") or point in ("before_switch", "before_drain")
    if point in (*READYING, "before_switch"):
        return host == (next((one for one in work if one != work[0]), work[0]) if last else work[0])
    if point in (*SWITCHING, "before_drain"):
        return host == (next((one for one in work if one != canary), canary) if last else canary)
    return host == work[0]
